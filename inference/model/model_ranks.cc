#include "inference/model/model_ranks.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/matmul.h"

namespace hadal::inference {

StatusOr<std::unique_ptr<ModelRanks>> ModelRanks::Create(const Checkpoint& checkpoint,
                                                         const DecoderOptions& options) {
  std::unique_ptr<ModelRanks> ranks(new ModelRanks());
  const ModelConfig& config = checkpoint.config();
  const ParallelLayout& layout = options.layout;
  const int32_t given = options.ranks == nullptr ? 1 : options.ranks->size();
  if (layout.ranks != given) {
    return InvalidArgument("the layout is of {} ranks, but {} were started", layout.ranks, given);
  }
  if (given == 1 && layout.tensor_parallel == 1 && layout.expert_parallel == 1) return ranks;
  const int32_t rank = options.ranks == nullptr ? 0 : options.ranks->rank();
  ASSIGN_OR_RETURN(ranks->plan_, ShardPlan::Create(config, layout, rank, ColumnBlockOf(checkpoint),
                                                   options.placements));
  ranks->world_ = options.ranks;
  ranks->load_timeout_ = options.load_timeout;
  ranks->first_token_ =
      ranks->plan_.PartOf("token_embd.weight", config.vocabulary, config.hidden_dim).rows.begin;
  ASSIGN_OR_RETURN(ranks->group_, options.ranks->Split(rank / layout.tensor_parallel));
  return ranks;
}

ModelConfig ModelRanks::LocalConfig(const ModelConfig& config) const {
  ModelConfig local = config;
  local.num_heads = plan_.num_heads(config);
  local.num_kv_heads = plan_.num_kv_heads(config);
  return local;
}

Status ModelRanks::MeetAfterLoading() const {
  return world_ == nullptr ? OkStatus() : world_->Barrier(load_timeout_);
}

Status ModelRanks::Sum(MatrixView x) const {
  if (alone()) return OkStatus();
  CHECK(x.stride == x.cols);
  return group_->AllReduceSum(absl::MakeSpan(x.data, static_cast<size_t>(x.rows * x.cols)));
}

ShardRange ModelRanks::OwnRows(int64_t rows) const {
  if (alone()) return {0, rows};
  return RowsOf(group_->rank(), rows);
}

ShardRange ModelRanks::RowsOf(int64_t member, int64_t rows) const {
  const int64_t ranks = group_->size();
  return {rows * member / ranks, rows * (member + 1) / ranks};
}

// Of each rank in the group, its own rows times `scale`.
std::vector<int64_t> ModelRanks::RowsOfRanks(int64_t rows, int64_t scale) const {
  std::vector<int64_t> counts;
  for (int32_t r = 0; r < group_->size(); ++r) counts.push_back(RowsOf(r, rows).count() * scale);
  return counts;
}

Status ModelRanks::SumOwnRows(MatrixView x) const {
  if (alone()) return OkStatus();
  CHECK(x.stride == x.cols);
  const ShardRange own = OwnRows(x.rows);
  return group_->ReduceScatterSum(
      absl::MakeConstSpan(x.data, static_cast<size_t>(x.rows * x.cols)),
      RowsOfRanks(x.rows, x.cols),
      absl::MakeSpan(x.row(own.begin), static_cast<size_t>(own.count() * x.cols)));
}

Status ModelRanks::GatherRows(MatrixView x) const {
  if (alone()) return OkStatus();
  CHECK(x.stride == x.cols);
  const ShardRange own = OwnRows(x.rows);
  return group_->AllGather(
      AsBytes(absl::MakeConstSpan(x.row(own.begin), static_cast<size_t>(own.count() * x.cols))),
      RowsOfRanks(x.rows, x.cols * static_cast<int64_t>(sizeof(float))),
      AsWritableBytes(absl::MakeSpan(x.data, static_cast<size_t>(x.rows * x.cols))));
}

// A token's row comes from the rank that has it; the others add zeros, which changes no bit.
Status ModelRanks::Embed(const CpuDevice& device, const PackedMatrix& table,
                         absl::Span<const int32_t> ids, MatrixView out) {
  if (alone()) {
    EmbeddingLookup(device, table, ids, out);
    return OkStatus();
  }
  const auto mine = [&](int64_t id) {
    return id >= first_token_ && id < first_token_ + table.rows();
  };
  ids_.clear();
  for (const int32_t id : ids) {
    ids_.push_back(mine(id) ? static_cast<int32_t>(id - first_token_) : 0);
  }
  EmbeddingLookup(device, table, ids_, out);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!mine(ids[i])) std::fill_n(out.row(static_cast<int64_t>(i)), out.cols, 0.0f);
  }
  return Sum(out);
}

Status ModelRanks::Project(const CpuDevice& device, ConstMatrixView x, const PackedMatrix& table,
                           MatrixView logits) {
  if (alone()) {
    MatMul(device, x, table, nullptr, logits);
    return OkStatus();
  }
  mine_.resize(static_cast<size_t>(x.rows * table.rows()));
  MatMul(device, x, table, nullptr, MatrixView(mine_.data(), x.rows, table.rows()));
  std::vector<int64_t> bytes;
  for (int32_t r = 0; r < group_->size(); ++r) {
    bytes.push_back(plan_.VocabularyOf(r, logits.cols).count() * x.rows *
                    static_cast<int64_t>(sizeof(float)));
  }
  parts_.resize(static_cast<size_t>(logits.rows * logits.cols));
  RETURN_IF_ERROR(group_->AllGather(AsBytes(absl::MakeConstSpan(mine_)), bytes,
                                    AsWritableBytes(absl::MakeSpan(parts_))));
  const float* from = parts_.data();
  for (int32_t r = 0; r < group_->size(); ++r) {
    const ShardRange part = plan_.VocabularyOf(r, logits.cols);
    for (int64_t row = 0; row < logits.rows; ++row, from += part.count()) {
      std::copy_n(from, part.count(), logits.row(row) + part.begin);
    }
  }
  return OkStatus();
}

}  // namespace hadal::inference
