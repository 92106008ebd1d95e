#include "inference/moe/experts.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {
namespace {

void Grow(std::vector<float>& buffer, int64_t count) {
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(count)));
}

}  // namespace

// A counting sort: tokens keep their order inside an expert.
void ExpertRunner::Permute(size_t num_experts, absl::Span<const int32_t> expert_of,
                           int32_t per_row) {
  first_.assign(num_experts + 1, 0);
  for (const int32_t expert : expert_of) {
    CHECK(expert >= 0 && static_cast<size_t>(expert) < num_experts);
    ++first_[static_cast<size_t>(expert) + 1];
  }
  for (size_t e = 0; e < num_experts; ++e) first_[e + 1] += first_[e];
  next_.assign(first_.begin(), first_.end() - 1);
  row_of_.resize(expert_of.size());
  token_of_.resize(expert_of.size());
  for (size_t i = 0; i < row_of_.size(); ++i) {
    row_of_[i] = next_[static_cast<size_t>(expert_of[i])]++;
    token_of_[static_cast<size_t>(row_of_[i])] = static_cast<int64_t>(i) / per_row;
  }
}

void ExpertRunner::Combine(const Routing& routing, absl::Span<const int64_t> row_of,
                           ConstMatrixView outputs, MatrixView y) const {
  device_.cpu().pool().ParallelFor(y.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* to = y.row(r);
      for (int64_t i = r * routing.top_k; i < (r + 1) * routing.top_k; ++i) {
        const float weight = routing.weights[static_cast<size_t>(i)];
        const float* from = outputs.row(row_of[static_cast<size_t>(i)]);
        for (int64_t c = 0; c < y.cols; ++c) to[c] += weight * from[c];
      }
    }
  });
}

// x through the experts into output_, permuted, and through `shared` into y.
void ExpertRunner::ComputePermuted(absl::Span<const Expert> experts, const Expert* shared,
                                   ConstMatrixView x, MatrixView y) {
  const int64_t hidden = x.cols;
  const auto total = static_cast<int64_t>(row_of_.size());
  const int64_t ffn = experts.empty() ? 0 : experts.front().gate.rows();
  const int64_t shared_ffn = shared == nullptr ? 0 : shared->gate.rows();
  Grow(gate_, total * ffn + x.rows * shared_ffn);
  Grow(up_, total * ffn + x.rows * shared_ffn);
  Grow(output_, total * hidden);
  const MatrixView shared_gate(gate_.data() + total * ffn, x.rows, shared_ffn);
  const MatrixView shared_up(up_.data() + total * ffn, x.rows, shared_ffn);
  // The rows of expert e in a buffer of `cols` columns.
  const auto rows_of = [&](std::vector<float>& buffer, size_t e, int64_t cols) {
    return MatrixView(buffer.data() + first_[e] * cols, first_[e + 1] - first_[e], cols);
  };
  tasks_.clear();
  if (shared != nullptr) {
    tasks_.push_back({x, {&shared->gate, nullptr, shared_gate, false}});
    tasks_.push_back({x, {&shared->up, nullptr, shared_up, false}});
  }
  for (size_t e = 0; e < experts.size(); ++e) {
    if (first_[e] == first_[e + 1]) continue;
    const int64_t* tokens = token_of_.data() + first_[e];
    tasks_.push_back({x, {&experts[e].gate, nullptr, rows_of(gate_, e, ffn)}, nullptr, tokens});
    tasks_.push_back({x, {&experts[e].up, nullptr, rows_of(up_, e, ffn)}, nullptr, tokens});
  }
  GroupedMatMul(device_, tasks_);
  tasks_.clear();
  if (shared != nullptr) {
    tasks_.push_back({shared_gate, {&shared->down, nullptr, y, false}, shared_up.data});
  }
  for (size_t e = 0; e < experts.size(); ++e) {
    if (first_[e] == first_[e + 1]) continue;
    tasks_.push_back({rows_of(gate_, e, ffn),
                      {&experts[e].down, nullptr, rows_of(output_, e, hidden)},
                      rows_of(up_, e, ffn).data});
  }
  GroupedMatMul(device_, tasks_);
}

void ExpertRunner::Compute(absl::Span<const Expert> experts, const Expert* shared,
                           const Routing& routing, ConstMatrixView x, MatrixView y) {
  CHECK(!experts.empty() && x.rows == y.rows && x.cols == y.cols);
  CHECK(static_cast<int64_t>(routing.experts.size()) == x.rows * routing.top_k);
  Permute(experts.size(), routing.experts, routing.top_k);
  ComputePermuted(experts, shared, x, y);
}

void ExpertRunner::AddOutputs(const Routing& routing, MatrixView y) const {
  Combine(routing, row_of_,
          ConstMatrixView(output_.data(), static_cast<int64_t>(row_of_.size()), y.cols), y);
}

void ExpertRunner::RunEach(absl::Span<const Expert> experts,
                           absl::Span<const int32_t> expert_of_row, ConstMatrixView x,
                           MatrixView y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  CHECK(static_cast<int64_t>(expert_of_row.size()) == x.rows);
  if (x.rows == 0) return;
  Permute(experts.size(), expert_of_row, 1);
  ComputePermuted(experts, nullptr, x, y);
  device_.cpu().pool().ParallelFor(y.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      std::memcpy(y.row(r), output_.data() + row_of_[static_cast<size_t>(r)] * x.cols,
                  static_cast<size_t>(x.cols) * sizeof(float));
    }
  });
}

}  // namespace hadal::inference
