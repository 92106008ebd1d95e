#include "inference/moe/experts.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "inference/kernels/activation.h"

namespace hadal::inference {
namespace {

void Grow(std::vector<float>& buffer, int64_t count) {
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(count)));
}

}  // namespace

// A counting sort: tokens keep their order inside an expert.
void ExpertRunner::Permute(absl::Span<const Expert> experts, const Routing& routing,
                           ConstMatrixView x) {
  first_.assign(experts.size() + 1, 0);
  for (const int32_t expert : routing.experts) {
    CHECK(expert >= 0 && static_cast<size_t>(expert) < experts.size());
    ++first_[static_cast<size_t>(expert) + 1];
  }
  for (size_t e = 0; e < experts.size(); ++e) first_[e + 1] += first_[e];
  next_.assign(first_.begin(), first_.end() - 1);
  row_of_.resize(routing.experts.size());
  for (size_t i = 0; i < row_of_.size(); ++i) {
    row_of_[i] = next_[static_cast<size_t>(routing.experts[i])]++;
  }
  Grow(input_, static_cast<int64_t>(row_of_.size()) * x.cols);
  device_.pool().ParallelFor(
      static_cast<int64_t>(row_of_.size()), 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          std::memcpy(input_.data() + row_of_[static_cast<size_t>(i)] * x.cols,
                      x.row(i / routing.top_k), static_cast<size_t>(x.cols) * sizeof(float));
        }
      });
}

void ExpertRunner::Combine(const Routing& routing, int64_t hidden, MatrixView y) const {
  device_.pool().ParallelFor(y.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* to = y.row(r);
      for (int64_t i = r * routing.top_k; i < (r + 1) * routing.top_k; ++i) {
        const float weight = routing.weights[static_cast<size_t>(i)];
        const float* from = output_.data() + row_of_[static_cast<size_t>(i)] * hidden;
        for (int64_t c = 0; c < hidden; ++c) to[c] += weight * from[c];
      }
    }
  });
}

void ExpertRunner::Run(absl::Span<const Expert> experts, const Routing& routing, ConstMatrixView x,
                       MatrixView y) {
  CHECK(!experts.empty() && x.rows == y.rows && x.cols == y.cols);
  CHECK(static_cast<int64_t>(routing.experts.size()) == x.rows * routing.top_k);
  Permute(experts, routing, x);
  const auto total = static_cast<int64_t>(row_of_.size());
  const int64_t hidden = x.cols;
  const int64_t ffn = experts.front().gate.rows();
  Grow(gate_, total * ffn);
  Grow(up_, total * ffn);
  Grow(output_, total * hidden);
  // The rows of expert e in a buffer of `cols` columns.
  const auto rows_of = [&](std::vector<float>& buffer, size_t e, int64_t cols) {
    return MatrixView(buffer.data() + first_[e] * cols, first_[e + 1] - first_[e], cols);
  };
  tasks_.clear();
  for (size_t e = 0; e < experts.size(); ++e) {
    const ConstMatrixView in = rows_of(input_, e, hidden);
    if (in.rows == 0) continue;
    tasks_.push_back({in, {&experts[e].gate, nullptr, rows_of(gate_, e, ffn), false}});
    tasks_.push_back({in, {&experts[e].up, nullptr, rows_of(up_, e, ffn), false}});
  }
  GroupedMatMul(device_, tasks_);
  const MatrixView gate(gate_.data(), total, ffn);
  SiluMul(device_, gate, MatrixView(up_.data(), total, ffn), gate);
  tasks_.clear();
  for (size_t e = 0; e < experts.size(); ++e) {
    const ConstMatrixView in = rows_of(gate_, e, ffn);
    if (in.rows == 0) continue;
    tasks_.push_back({in, {&experts[e].down, nullptr, rows_of(output_, e, hidden), false}});
  }
  GroupedMatMul(device_, tasks_);
  Combine(routing, hidden, y);
}

}  // namespace hadal::inference
