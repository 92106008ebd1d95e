#include "inference/moe/expert_parallel.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace hadal::inference {

// Of an expert on several ranks, each takes the tokens of its share of the ranks, the near ones:
// which one it is shows in no result.
void ExpertParallel::ChooseRanks(const ExpertPlacement& placement) {
  const auto ranks = static_cast<size_t>(ranks_->size());
  CHECK(placement.experts_of_rank.size() == ranks);
  first_slot_.assign(ranks + 1, 0);
  replicas_.clear();
  for (size_t r = 0; r < ranks; ++r) {
    const std::vector<int32_t>& experts = placement.experts_of_rank[r];
    first_slot_[r + 1] = first_slot_[r] + static_cast<int64_t>(experts.size());
    for (const int32_t expert : experts) {
      const auto e = static_cast<size_t>(expert);
      if (replicas_.size() <= e) replicas_.resize(e + 1, 0);
      ++replicas_[e];
    }
  }
  // What is left to pass over before the slot of an expert that is ours.
  for (size_t& count : replicas_) {
    CHECK(count > 0);
    count = static_cast<size_t>(ranks_->rank()) * count / ranks;
  }
  slot_of_.assign(replicas_.size(), -1);
  int32_t slot = 0;
  for (const std::vector<int32_t>& experts : placement.experts_of_rank) {
    for (const int32_t expert : experts) {
      const auto e = static_cast<size_t>(expert);
      if (replicas_[e]-- == 0) slot_of_[e] = slot;
      ++slot;
    }
  }
}

// A counting sort by slot: ranks in order, experts in order inside a rank, tokens in order inside.
void ExpertParallel::Permute(const Routing& routing, ConstMatrixView x) {
  const auto slots = static_cast<size_t>(first_slot_.back());
  first_row_.assign(slots + 1, 0);
  for (const int32_t expert : routing.experts) {
    CHECK(expert >= 0 && static_cast<size_t>(expert) < slot_of_.size());
    ++first_row_[static_cast<size_t>(slot_of_[static_cast<size_t>(expert)]) + 1];
  }
  send_counts_.resize(slots);
  for (size_t s = 0; s < slots; ++s) {
    send_counts_[s] = static_cast<int32_t>(first_row_[s + 1]);
    first_row_[s + 1] += first_row_[s];
  }
  std::vector<int64_t> next(first_row_.begin(), first_row_.end() - 1);
  row_of_.resize(routing.experts.size());
  send_.resize(row_of_.size() * static_cast<size_t>(x.cols));
  for (size_t i = 0; i < row_of_.size(); ++i) {
    const int32_t slot = slot_of_[static_cast<size_t>(routing.experts[i])];
    row_of_[i] = next[static_cast<size_t>(slot)]++;
    std::memcpy(send_.data() + row_of_[i] * x.cols, x.row(static_cast<int64_t>(i) / routing.top_k),
                static_cast<size_t>(x.cols) * sizeof(float));
  }
}

// How many rows each rank sends to each expert here. What others claim is not trusted with memory.
Status ExpertParallel::ExchangeCounts(size_t num_experts) {
  const auto ranks = static_cast<size_t>(ranks_->size());
  receive_counts_.resize(ranks * num_experts);
  std::vector<int64_t> to, from;
  for (size_t r = 0; r < ranks; ++r) {
    to.push_back((first_slot_[r + 1] - first_slot_[r]) * static_cast<int64_t>(sizeof(int32_t)));
    from.push_back(static_cast<int64_t>(num_experts * sizeof(int32_t)));
  }
  RETURN_IF_ERROR(ranks_->AllToAllV(AsBytes(absl::MakeConstSpan(send_counts_)), to,
                                    AsWritableBytes(absl::MakeSpan(receive_counts_)), from));
  constexpr int32_t kMaxRows = 1 << 24;
  expert_of_row_.clear();
  for (size_t i = 0; i < receive_counts_.size(); ++i) {
    const int32_t count = receive_counts_[i];
    if (count < 0 || count > kMaxRows) {
      return Internal("all-to-all: rank {} announces {} tokens for an expert", i / num_experts,
                      count);
    }
    expert_of_row_.insert(expert_of_row_.end(), static_cast<size_t>(count),
                          static_cast<int32_t>(i % num_experts));
  }
  return OkStatus();
}

// Rows to their experts, and through them.
Status ExpertParallel::Dispatch(absl::Span<const Expert> experts, int64_t hidden) {
  const auto ranks = static_cast<size_t>(ranks_->size());
  const auto row_bytes = hidden * static_cast<int64_t>(sizeof(float));
  send_bytes_.resize(ranks);
  receive_bytes_.assign(ranks, 0);
  for (size_t r = 0; r < ranks; ++r) {
    send_bytes_[r] = (first_row_[static_cast<size_t>(first_slot_[r + 1])] -
                      first_row_[static_cast<size_t>(first_slot_[r])]) *
                     row_bytes;
    for (size_t e = 0; e < experts.size(); ++e) {
      receive_bytes_[r] += receive_counts_[r * experts.size() + e] * row_bytes;
    }
  }
  const auto rows = static_cast<int64_t>(expert_of_row_.size());
  receive_.resize(static_cast<size_t>(rows * hidden));
  output_.resize(receive_.size());
  RETURN_IF_ERROR(ranks_->AllToAllV(AsBytes(absl::MakeConstSpan(send_)), send_bytes_,
                                    AsWritableBytes(absl::MakeSpan(receive_)), receive_bytes_));
  runner_.RunEach(experts, expert_of_row_, ConstMatrixView(receive_.data(), rows, hidden),
                  MatrixView(output_.data(), rows, hidden));
  return OkStatus();
}

Status ExpertParallel::Return(int64_t hidden) {
  returned_.resize(row_of_.size() * static_cast<size_t>(hidden));
  return ranks_->AllToAllV(AsBytes(absl::MakeConstSpan(output_)), receive_bytes_,
                           AsWritableBytes(absl::MakeSpan(returned_)), send_bytes_);
}

Status ExpertParallel::Run(absl::Span<const Expert> experts, const ExpertPlacement& placement,
                           const Routing& routing, ConstMatrixView x, MatrixView y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  CHECK(static_cast<int64_t>(routing.experts.size()) == x.rows * routing.top_k);
  ChooseRanks(placement);
  CHECK(experts.size() == placement.experts_of_rank[static_cast<size_t>(ranks_->rank())].size());
  Permute(routing, x);
  RETURN_IF_ERROR(ExchangeCounts(experts.size()));
  RETURN_IF_ERROR(Dispatch(experts, x.cols));
  RETURN_IF_ERROR(Return(x.cols));
  runner_.Combine(routing, row_of_,
                  ConstMatrixView(returned_.data(), static_cast<int64_t>(row_of_.size()), x.cols),
                  y);
  return OkStatus();
}

}  // namespace hadal::inference
