#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/moe/router.h"

namespace hadal::inference {

/// One SwiGLU expert: down(silu(gate(x)) * up(x)).
struct Expert {
  PackedMatrix gate, up;  ///< [ffn, hidden]
  PackedMatrix down;      ///< [hidden, ffn]
};

/// The routed experts of a layer. Keeps its buffers between calls and layers. Thread-compatible.
class ExpertRunner {
 public:
  explicit ExpertRunner(Device device) : device_(std::move(device)) {}

  /// y += sum over a token's experts of weight * expert(x). x, y [rows, hidden] f32.
  /// Tokens are permuted by expert, each projection is one grouped GEMM, and the sum of a token
  /// takes its experts in ascending order: a row of y does not depend on the other rows.
  void Run(absl::Span<const Expert> experts, const Routing& routing, ConstMatrixView x,
           MatrixView y) {
    Compute(experts, nullptr, routing, x, y);
    AddOutputs(routing, y);
  }

  /// Run() in two halves: the outputs of all tokens' experts, and in the same passes of the pool
  /// y = shared(x) where `shared` is given; then the sum.
  void Compute(absl::Span<const Expert> experts, const Expert* shared, const Routing& routing,
               ConstMatrixView x, MatrixView y);
  void AddOutputs(const Routing& routing, MatrixView y) const;

  /// Row i of y = expert `expert_of_row[i]` of row i of x. x, y [rows, hidden] f32; rows may be
  /// none.
  void RunEach(absl::Span<const Expert> experts, absl::Span<const int32_t> expert_of_row,
               ConstMatrixView x, MatrixView y);

  /// y += sum over a token's experts, ascending, of weight * output; the k-th expert's output of
  /// token r is row row_of[r * top_k + k] of `outputs`.
  void Combine(const Routing& routing, absl::Span<const int64_t> row_of, ConstMatrixView outputs,
               MatrixView y) const;

 private:
  void Permute(size_t num_experts, absl::Span<const int32_t> expert_of, int32_t per_row);
  void ComputePermuted(absl::Span<const Expert> experts, const Expert* shared, ConstMatrixView x,
                       MatrixView y);

  const Device device_;
  std::vector<int64_t> first_;   ///< [experts + 1]: permuted rows of an expert
  std::vector<int64_t> next_;    ///< [experts]: where an expert's next token goes, while permuting
  std::vector<int64_t> row_of_;  ///< [tokens * top_k]: the permuted row of a token's k-th expert
  std::vector<int64_t> token_of_;  ///< [tokens * top_k]: the row of x that a permuted row is
  std::vector<float> gate_, up_, output_;
  std::vector<GroupedMatMulTask> tasks_;
};

}  // namespace hadal::inference
