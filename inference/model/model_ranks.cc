#include "inference/model/model_ranks.h"

#include "base/check.h"
#include "inference/kernels/copy.h"
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
Status ModelRanks::Embed(const Device& device, const PackedMatrix& table,
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
    ids_.push_back(mine(id) ? static_cast<int32_t>(id - first_token_) : kNoRow);
  }
  EmbeddingLookup(device, table, ids_, out);
  return Sum(out);
}

Status ModelRanks::Project(const Device& device, ConstMatrixView x, const PackedMatrix& table,
                           MatrixView logits) {
  if (alone()) {
    MatMul(device, x, table, nullptr, logits);
    return OkStatus();
  }
  const MatrixView mine = mine_.Reserve(device, x.rows, table.rows());
  const MatrixView parts = parts_.Reserve(device, logits.rows, logits.cols);
  MatMul(device, x, table, nullptr, mine);
  std::vector<int64_t> bytes;
  for (int32_t r = 0; r < group_->size(); ++r) {
    bytes.push_back(plan_.VocabularyOf(r, logits.cols).count() * x.rows *
                    static_cast<int64_t>(sizeof(float)));
  }
  RETURN_IF_ERROR(group_->AllGather(
      AsBytes(absl::MakeConstSpan(mine.data, static_cast<size_t>(mine.rows * mine.cols))), bytes,
      AsWritableBytes(absl::MakeSpan(parts.data, static_cast<size_t>(parts.rows * parts.cols)))));
  const float* from = parts.data;
  for (int32_t r = 0; r < group_->size(); ++r) {
    const ShardRange part = plan_.VocabularyOf(r, logits.cols);
    CopyPieces(device, ConstMatrixView(from, logits.rows, part.count()), 0,
               MatrixView(logits.data + part.begin, logits.rows, part.count(), logits.stride), 0, 1,
               part.count());
    from += logits.rows * part.count();
  }
  return OkStatus();
}

}  // namespace hadal::inference
