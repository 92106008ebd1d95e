#include "inference/weights/shard_plan.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "base/check.h"
#include "inference/tensor/element_type.h"

namespace hadal::inference {
namespace {

constexpr int32_t kMaxRanks = 4096;
constexpr int64_t kVocabularyBlock = 16;  // the rows the matmul kernels take at once
constexpr int64_t kFloatBlock = 32;       // of types without blocks: keeps vector registers full

/// "blk.7.ffn_up.3.weight" is layer 7, stem "ffn_up", expert 3.
struct ParsedName {
  int32_t layer = -1;
  int32_t number = -1;  ///< of an expert, or of a head
  std::string_view stem;  ///< without ".weight" or ".bias"
};

std::optional<int32_t> TakeNumber(std::string_view& text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

ParsedName Parse(std::string_view name) {
  ParsedName parsed;
  if (name.starts_with("blk.")) {
    name.remove_prefix(4);
    const auto layer = TakeNumber(name);
    if (layer && name.starts_with('.')) {
      parsed.layer = *layer;
      name.remove_prefix(1);
    }
  }
  for (const std::string_view end : {".weight", ".bias"}) {
    if (name.ends_with(end)) name.remove_suffix(end.size());
  }
  const size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) {
    std::string_view rest = name.substr(dot + 1);
    const auto number = TakeNumber(rest);
    if (number && rest.empty()) {
      parsed.number = *number;
      name = name.substr(0, dot);
    }
  }
  parsed.stem = name;
  return parsed;
}

template <typename... Names>
bool IsOneOf(std::string_view name, Names... names) {
  return ((name == names) || ...);
}

Status CheckLayout(const ModelConfig& config, const ParallelLayout& layout, int32_t rank) {
  const int32_t width = layout.tensor_parallel;
  if (layout.ranks < 1 || layout.ranks > kMaxRanks || rank < 0 || rank >= layout.ranks ||
      width < 1 || layout.ranks % width != 0 || layout.expert_parallel < 1 ||
      layout.ranks % layout.expert_parallel != 0) {
    return InvalidArgument(
        "rank {} of {} with tensor parallelism {} and expert parallelism {}: expected 1 to {} "
        "ranks, and both to divide their number",
        rank, layout.ranks, width, layout.expert_parallel, kMaxRanks);
  }
  if (config.num_heads % width != 0) {
    return InvalidArgument("{} attention heads cannot be shared by {} tensor-parallel ranks evenly",
                           config.num_heads, width);
  }
  const int32_t kv = config.num_kv_heads;
  if (config.mla.kv_lora_rank == 0 && (kv < 1 || (kv % width != 0 && width % kv != 0))) {
    return InvalidArgument(
        "{} KV heads can neither be shared by {} tensor-parallel ranks nor repeated evenly", kv,
        width);
  }
  const MoeConfig& moe = config.moe;
  int64_t narrowest = config.ffn_dim;
  if (moe.num_experts > 0) narrowest = std::min<int64_t>(narrowest, moe.expert_ffn_dim);
  if (moe.shared_ffn_dim > 0) narrowest = std::min<int64_t>(narrowest, moe.shared_ffn_dim);
  if (std::min<int64_t>(narrowest, config.vocabulary) < width) {
    return InvalidArgument("a feed-forward width of {} is too small for {} tensor-parallel ranks",
                           narrowest, width);
  }
  if (moe.num_experts > 0 && moe.num_experts < layout.expert_parallel) {
    return InvalidArgument("{} experts are too few for expert parallelism {}", moe.num_experts,
                           layout.expert_parallel);
  }
  return OkStatus();
}

}  // namespace

Status CheckPlacement(const ExpertPlacement& placement, int32_t ranks, int32_t num_experts) {
  std::vector<char> somewhere(static_cast<size_t>(num_experts), 0);
  bool fits = placement.experts_of_rank.size() == static_cast<size_t>(ranks);
  for (const std::vector<int32_t>& experts : placement.experts_of_rank) {
    int32_t before = -1;
    for (const int32_t expert : experts) {
      fits = fits && expert > before && expert < num_experts;
      if (!fits) break;
      before = expert;
      somewhere[static_cast<size_t>(expert)] = 1;
    }
  }
  if (fits && std::count(somewhere.begin(), somewhere.end(), 1) == num_experts) return OkStatus();
  return InvalidArgument(
      "a placement of experts must name {} ranks, each with ascending experts below {}, and every "
      "expert at least once",
      ranks, num_experts);
}

ExpertPlacement SpreadExperts(int32_t num_experts, const ParallelLayout& layout) {
  ExpertPlacement placement;
  const int64_t shards = layout.expert_parallel;
  for (int32_t rank = 0; rank < layout.ranks; ++rank) {
    const int64_t shard = rank % shards;
    std::vector<int32_t>& experts = placement.experts_of_rank.emplace_back();
    for (int64_t e = num_experts * shard / shards; e < num_experts * (shard + 1) / shards; ++e) {
      experts.push_back(static_cast<int32_t>(e));
    }
  }
  return placement;
}

StatusOr<ShardPlan> ShardPlan::Create(const ModelConfig& config, const ParallelLayout& layout,
                                      int32_t rank, int64_t column_block,
                                      std::vector<ExpertPlacement> placements) {
  RETURN_IF_ERROR(CheckLayout(config, layout, rank));
  ShardPlan plan;
  plan.layout_ = layout;
  plan.rank_ = rank;
  plan.column_block_ = std::max<int64_t>(column_block, 1);
  plan.num_heads_ = config.num_heads;
  plan.num_kv_heads_ = config.num_kv_heads;
  for (int32_t i = 0; i < config.num_layers; ++i) {
    if (config.HasExperts(i)) plan.expert_layers_.push_back(i);
  }
  if (config.moe.num_experts == 0 || layout.expert_parallel == 1) return plan;
  if (placements.empty()) placements.push_back(SpreadExperts(config.moe.num_experts, layout));
  const size_t layers = plan.expert_layers_.size();
  if (placements.size() != 1 && placements.size() != layers) {
    return InvalidArgument("{} placements of experts for {} layers that have experts",
                           placements.size(), layers);
  }
  for (const ExpertPlacement& placement : placements) {
    RETURN_IF_ERROR(CheckPlacement(placement, layout.ranks, config.moe.num_experts));
  }
  plan.placements_ = std::move(placements);
  return plan;
}

// A further layer, of multi-token prediction, is placed as the last one.
const ExpertPlacement& ShardPlan::placement(int32_t layer) const {
  CHECK(!placements_.empty());
  const auto at = std::lower_bound(expert_layers_.begin(), expert_layers_.end(), layer);
  return placements_[std::min(static_cast<size_t>(at - expert_layers_.begin()),
                              placements_.size() - 1)];
}

// A rank's part of `size`, in units of `block`, or of the largest half, quarter, ... of it that
// gives every rank something.
ShardRange ShardPlan::CutOf(int32_t member, int64_t size, int64_t block) const {
  const int64_t parts = layout_.tensor_parallel;
  const int64_t index = member;
  while (block > 1 && size / block < parts) block /= 2;
  const int64_t units = (size + block - 1) / block;
  return {units * index / parts * block, std::min(size, units * (index + 1) / parts * block)};
}

// Whole heads; of fewer heads than ranks, each is given to several.
ShardRange ShardPlan::Heads(int64_t size, int32_t heads) const {
  const int32_t parts = layout_.tensor_parallel;
  const int64_t index = rank_ % parts;
  const int64_t head = size / heads;
  if (heads < parts) {
    const int64_t only = index / (parts / heads);
    return {only * head, (only + 1) * head};
  }
  return {heads / parts * index * head, heads / parts * (index + 1) * head};
}

ShardRange ShardPlan::VocabularyOf(int32_t member, int64_t size) const {
  return CutOf(member, size, kVocabularyBlock);
}

int32_t ShardPlan::num_heads(const ModelConfig& config) const {
  return config.num_heads / layout_.tensor_parallel;
}

int32_t ShardPlan::num_kv_heads(const ModelConfig& config) const {
  return std::max(1, config.num_kv_heads / layout_.tensor_parallel);
}

TensorPart ShardPlan::PartOf(std::string_view name, int64_t rows, int64_t cols) const {
  TensorPart part{{0, rows}, {0, cols}};
  if (layout_.ranks == 1) return part;
  const ParsedName parsed = Parse(name);
  const std::string_view stem = parsed.stem;
  if (parsed.number >= 0 && IsOneOf(stem, "attn_k_b", "attn_v_b")) {
    const int32_t here = num_heads_ / layout_.tensor_parallel;
    if (parsed.number / here != rank_ % layout_.tensor_parallel) part.rows.end = 0;
    return part;
  }
  if (parsed.number >= 0 && spreads_experts()) {
    const auto& mine = placement(parsed.layer).experts_of_rank[static_cast<size_t>(rank_)];
    if (!std::binary_search(mine.begin(), mine.end(), parsed.number)) part.rows.end = 0;
    return part;
  }
  if (IsOneOf(stem, "attn_q", "attn_q_b", "attn_kv_b")) {
    part.rows = Heads(rows, num_heads_);
  } else if (IsOneOf(stem, "attn_k", "attn_v")) {
    part.rows = Heads(rows, num_kv_heads_);
  } else if (stem == "attn_output") {
    part.cols = Heads(cols, num_heads_);
  } else if (IsOneOf(stem, "ffn_gate", "ffn_up", "ffn_gate_shexp", "ffn_up_shexp")) {
    part.rows = Cut(rows, column_block_);
  } else if (IsOneOf(stem, "ffn_down", "ffn_down_shexp")) {
    part.cols = Cut(cols, column_block_);
  } else if (IsOneOf(stem, "token_embd", "output", "nextn.embed_tokens",
                     "nextn.shared_head_head")) {
    part.rows = Cut(rows, kVocabularyBlock);
  }
  return part;
}

namespace {

/// Names and shapes of the decoders' tensors.
class TensorLister {
 public:
  using Visit = std::function<void(std::string name, int64_t rows, int64_t cols)>;
  TensorLister(const ModelConfig& config, Visit visit)
      : config_(config), visit_(std::move(visit)) {}

  void Run(bool draft) {
    visit_("token_embd.weight", config_.vocabulary, config_.hidden_dim);
    if (!config_.tied_embeddings) visit_("output.weight", config_.vocabulary, config_.hidden_dim);
    visit_("output_norm.weight", config_.hidden_dim, 1);
    for (int32_t i = 0; i < config_.num_layers; ++i) {
      prefix_ = fmt::format("blk.{}.", i);
      Layer(i);
    }
    if (draft && config_.num_nextn_layers > 0) PredictionLayer(config_.num_layers);
  }

 private:
  void Add(std::string_view name, int64_t rows, int64_t cols) {
    visit_(prefix_ + std::string(name), rows, cols);
  }

  void Mlp(const std::string& suffix, int64_t ffn) {
    Add("ffn_gate" + suffix, ffn, config_.hidden_dim);
    Add("ffn_up" + suffix, ffn, config_.hidden_dim);
    Add("ffn_down" + suffix, config_.hidden_dim, ffn);
  }

  void Layer(int32_t index) {
    const MoeConfig& moe = config_.moe;
    Add("attn_norm.weight", config_.hidden_dim, 1);
    config_.mla.kv_lora_rank > 0 ? LatentAttention() : GroupedAttention();
    Add("ffn_norm.weight", config_.hidden_dim, 1);
    if (!config_.HasExperts(index)) return Mlp(".weight", config_.ffn_dim);
    Add("ffn_gate_inp.weight", moe.num_experts, config_.hidden_dim);
    if (moe.gate == ExpertGate::kSigmoidGroups) Add("exp_probs_b.bias", moe.num_experts, 1);
    for (int32_t e = 0; e < moe.num_experts; ++e) {
      Mlp(fmt::format(".{}.weight", e), moe.expert_ffn_dim);
    }
    if (moe.shared_ffn_dim > 0) Mlp("_shexp.weight", moe.shared_ffn_dim);
    if (moe.gated_shared) Add("ffn_gate_inp_shexp.weight", 1, config_.hidden_dim);
  }

  void PredictionLayer(int32_t index) {
    prefix_ = fmt::format("blk.{}.", index);
    Layer(index);
    for (const char* norm : {"nextn.enorm.weight", "nextn.hnorm.weight",
                             "nextn.shared_head_norm.weight"}) {
      Add(norm, config_.hidden_dim, 1);
    }
    Add("nextn.eh_proj.weight", config_.hidden_dim, 2 * int64_t{config_.hidden_dim});
    Add("nextn.embed_tokens.weight", config_.vocabulary, config_.hidden_dim);
    Add("nextn.shared_head_head.weight", config_.vocabulary, config_.hidden_dim);
  }

  void LatentAttention() {
    const MlaConfig& mla = config_.mla;
    const int64_t heads = config_.num_heads;
    if (mla.q_lora_rank > 0) {
      Add("attn_q_a.weight", mla.q_lora_rank, config_.hidden_dim);
      Add("attn_q_a_norm.weight", mla.q_lora_rank, 1);
      Add("attn_q_b.weight", heads * config_.head_dim, mla.q_lora_rank);
    } else {
      Add("attn_q.weight", heads * config_.head_dim, config_.hidden_dim);
    }
    Add("attn_kv_a_mqa.weight", int64_t{mla.kv_lora_rank} + mla.qk_rope_head_dim,
        config_.hidden_dim);
    Add("attn_kv_a_norm.weight", mla.kv_lora_rank, 1);
    Add("attn_kv_b.weight", heads * (mla.qk_nope_head_dim + mla.v_head_dim), mla.kv_lora_rank);
    Add("attn_output.weight", config_.hidden_dim, heads * mla.v_head_dim);
  }

  void GroupedAttention() {
    const int64_t q = int64_t{config_.num_heads} * config_.head_dim;
    const int64_t kv = int64_t{config_.num_kv_heads} * config_.head_dim;
    Add("attn_q.weight", q, config_.hidden_dim);
    Add("attn_k.weight", kv, config_.hidden_dim);
    Add("attn_v.weight", kv, config_.hidden_dim);
    Add("attn_output.weight", config_.hidden_dim, q);
    if (!config_.architecture.starts_with("qwen2")) return;
    Add("attn_q.bias", q, 1);
    Add("attn_k.bias", kv, 1);
    Add("attn_v.bias", kv, 1);
  }

  const ModelConfig& config_;
  const Visit visit_;
  std::string prefix_;
};

// DeepSeek's FP8 folders keep embeddings, norms, the router and what the prediction layer has
// beside a layer in BF16, and the router's bias in F32.
int64_t StoredBytes(const ModelConfig& config, std::string_view name, const TensorPart& part) {
  const int64_t values = part.rows.count() * part.cols.count();
  if (name.ends_with("exp_probs_b.bias")) return 4 * values;
  const bool wide = !name.starts_with("blk.") || name.ends_with("norm.weight") ||
                    name.find(".nextn.") != std::string_view::npos ||
                    name.ends_with("ffn_gate_inp.weight") || name.ends_with(".bias");
  if (!config.fp8_weights || wide) return 2 * values;
  if (part.empty()) return 0;
  const auto blocks = [](const ShardRange& range) {
    return Fp8Blocks(range.end) - range.begin / kFp8Block;
  };
  return values + 4 * blocks(part.rows) * blocks(part.cols);
}

}  // namespace

std::vector<PlannedTensor> ShardPlan::Tensors(const ModelConfig& config, bool draft) const {
  std::vector<PlannedTensor> tensors;
  TensorLister(config, [&](std::string name, int64_t rows, int64_t cols) {
    const TensorPart part = PartOf(name, rows, cols);
    const int64_t bytes = StoredBytes(config, name, part);
    tensors.push_back({std::move(name), rows, cols, part, bytes});
  }).Run(draft);
  return tensors;
}

int64_t ColumnBlockOf(const Checkpoint& checkpoint) {
  int64_t block = kFloatBlock;
  for (int32_t i = 0; i < checkpoint.config().num_layers; ++i) {
    for (const char* name : {"blk.{}.ffn_down.weight", "blk.{}.ffn_down.0.weight"}) {
      const Weight* weight = checkpoint.Find(fmt::format(fmt::runtime(name), i));
      if (weight == nullptr) continue;
      block = std::max(block, weight->type == GgmlType::kF8E4M3
                                  ? kFp8Block
                                  : int64_t{TraitsOf(weight->type).block_values});
    }
  }
  return block;
}

}  // namespace hadal::inference
