#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// How one model is spread over `ranks`. `tensor_parallel` consecutive ranks share heads, dense and
/// shared MLPs and the vocabulary; ranks / tensor_parallel such groups have sequences of their own
/// (data-parallel attention). With expert_parallel > 1 whole experts are spread over all ranks, and
/// so many ranks hold one copy of all; with 1 each expert is cut like a dense MLP. Models without
/// experts have nothing to spread.
struct ParallelLayout {
  int32_t ranks = 1;
  int32_t tensor_parallel = 1;
  int32_t expert_parallel = 1;
};

/// [begin, end)
struct ShardRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t count() const { return end - begin; }
  bool operator==(const ShardRange&) const = default;
};

/// What a rank reads of a matrix; of a vector, `cols` is [0, 1). Nothing: a range is empty.
struct TensorPart {
  ShardRange rows, cols;
  bool empty() const { return rows.count() == 0 || cols.count() == 0; }
  bool operator==(const TensorPart&) const = default;
};

/// The experts each rank holds in one layer, ascending. An expert may be on several ranks.
struct ExpertPlacement {
  std::vector<std::vector<int32_t>> experts_of_rank;
};

/// INVALID_ARGUMENT unless every expert is on some rank, and each rank names its own ascending.
Status CheckPlacement(const ExpertPlacement& placement, int32_t ranks, int32_t num_experts);

/// Experts in their order, as even as it goes: ranks r, r + expert_parallel, ... hold the same
/// ones.
ExpertPlacement SpreadExperts(int32_t num_experts, const ParallelLayout& layout);

/// One tensor of a model, and a rank's part of it.
struct PlannedTensor {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  TensorPart part;
  int64_t bytes = 0;  ///< of the part in the file, block scales included
};

/// Says which rows and columns of which tensors a rank reads, from the model's shape alone, before
/// any tensor is touched: the loaders ask it, and a memory plan adds it up. Cuts lie on whole heads
/// and, where widths allow, on whole blocks of the stored type. Thread-safe (const).
class ShardPlan {
 public:
  /// The whole model on one rank.
  ShardPlan() = default;

  /// `column_block`: values of a row that one scale belongs to (128 of FP8, 32 or 256 of GGUF's
  /// types), where a cut would force a rank to widen its part. `placements`: of the layers with
  /// experts, one each, or one for all; empty: SpreadExperts. INVALID_ARGUMENT naming the field
  /// that does not fit the layout.
  static StatusOr<ShardPlan> Create(const ModelConfig& config, const ParallelLayout& layout,
                                    int32_t rank, int64_t column_block,
                                    std::vector<ExpertPlacement> placements = {});

  const ParallelLayout& layout() const { return layout_; }
  int32_t rank() const { return rank_; }
  /// The part of tensor `name` [rows, cols]; a vector has one column.
  TensorPart PartOf(std::string_view name, int64_t rows, int64_t cols) const;
  /// The rows of a vocabulary of `size` that the `member`-th rank of a tensor-parallel group has.
  ShardRange VocabularyOf(int32_t member, int64_t size) const;
  int32_t num_heads(const ModelConfig& config) const;
  int32_t num_kv_heads(const ModelConfig& config) const;
  /// True where whole experts lie on different ranks, so that tokens travel.
  bool spreads_experts() const { return layout_.expert_parallel > 1 && !placements_.empty(); }
  /// Of layer `layer`; only where spreads_experts().
  const ExpertPlacement& placement(int32_t layer) const;

  /// Every tensor the decoders of `config` read on some rank, in the order of the file's layers.
  /// With `draft` also those of the multi-token prediction layer, if it has one, as published (with
  /// an embedding and a head of its own). Bytes are those of FP8 (config.fp8_weights) or BF16
  /// folders.
  std::vector<PlannedTensor> Tensors(const ModelConfig& config, bool draft = false) const;

 private:
  ShardRange Cut(int64_t size, int64_t block) const {
    return CutOf(rank_ % layout_.tensor_parallel, size, block);
  }
  ShardRange CutOf(int32_t member, int64_t size, int64_t block) const;
  ShardRange Heads(int64_t size, int32_t heads) const;

  ParallelLayout layout_;
  int32_t rank_ = 0;
  int64_t column_block_ = 1;
  int32_t num_heads_ = 1;
  int32_t num_kv_heads_ = 1;
  std::vector<int32_t> expert_layers_;  ///< those with experts, ascending
  std::vector<ExpertPlacement> placements_;
};

/// Values of a row that belong to one scale in the feed-forward parts of `checkpoint`.
int64_t ColumnBlockOf(const Checkpoint& checkpoint);

}  // namespace hadal::inference
