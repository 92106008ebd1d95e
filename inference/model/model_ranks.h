#pragma once

#include <memory>
#include <vector>

#include "inference/comm/communicator.h"
#include "inference/kernels/device_buffer.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/model/decoder.h"
#include "inference/tensor/matrix_view.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// The ranks that compute one decoder, as its graph sees them: what this rank holds, and the few
/// steps at which ranks meet. Every step is nothing on one rank. Errors are those of Communicator.
/// Thread-compatible.
class ModelRanks {
 public:
  /// Splits DecoderOptions::ranks as its layout says; collective. INVALID_ARGUMENT when the layout
  /// does not fit the model or the number of ranks.
  static StatusOr<std::unique_ptr<ModelRanks>> Create(const Checkpoint& checkpoint,
                                                      const DecoderOptions& options);

  const ShardPlan& plan() const { return plan_; }
  /// The model's shape with this rank's heads and KV heads.
  ModelConfig LocalConfig(const ModelConfig& config) const;
  /// Waits for the ranks that load longer.
  Status MeetAfterLoading() const;

  /// x = sum over the tensor-parallel group. x is contiguous.
  Status Sum(MatrixView x) const;
  /// The rows this rank owns of `rows` that are the same all over the group.
  ShardRange OwnRows(int64_t rows) const;
  /// The own rows of x = their sum over the group; the others are left unspecified.
  Status SumOwnRows(MatrixView x) const;
  /// Every rank's own rows of x, to all of the group.
  Status GatherRows(MatrixView x) const;

  /// out = rows `ids` of the embedding, whose rows are cut over the group.
  Status Embed(const Device& device, const PackedMatrix& table, absl::Span<const int32_t> ids,
               MatrixView out);
  /// logits [rows, vocabulary] = x * table^T, the table's rows being cut over the group.
  Status Project(const Device& device, ConstMatrixView x, const PackedMatrix& table,
                 MatrixView logits);

 private:
  ModelRanks() = default;
  bool alone() const { return group_ == nullptr || group_->size() == 1; }
  ShardRange RowsOf(int64_t member, int64_t rows) const;
  std::vector<int64_t> RowsOfRanks(int64_t rows, int64_t scale) const;

  ShardPlan plan_;
  Communicator* world_ = nullptr;        ///< null on one rank
  std::unique_ptr<Communicator> group_;  ///< the tensor-parallel group
  absl::Duration load_timeout_;
  int64_t first_token_ = 0;  ///< of this rank's part of the vocabulary
  std::vector<int32_t> ids_;
  DeviceBuffer mine_, parts_;  ///< logits by rank
};

}  // namespace hadal::inference
