#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/cpu_device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// How experts are scored and chosen. Groups are num_experts / num_groups experts in a row.
enum class RouterKind {
  kSoftmax,        ///< softmax over all experts, the best (DeepSeek-V2-Lite)
  kSoftmaxGroups,  ///< the same among the groups with the best experts (DeepSeek-V2)
  /// sigmoid, plus a bias that is for the choice only; groups by the sum of their two best
  /// (DeepSeek-V3, arXiv:2412.19437 §2.1.2)
  kSigmoidGroups,
};

struct RouterOptions {
  RouterKind kind = RouterKind::kSoftmax;
  int32_t num_experts = 0;
  int32_t top_k = 0;       ///< at most the experts of top_groups groups
  int32_t num_groups = 1;  ///< divides num_experts; groups of at least two for kSigmoidGroups
  int32_t top_groups = 1;
  bool normalize = false;  ///< weights of a token sum to `scale`
  float scale = 1;
};

/// The experts of every token, ascending, and their weights.
struct Routing {
  int32_t top_k = 0;
  std::vector<int32_t> experts;  ///< [rows, top_k]
  std::vector<float> weights;    ///< [rows, top_k]
};

/// Chooses from the gate's logits [rows, num_experts], all in float32. Equal scores: the lower
/// index wins. bias [num_experts] f32 for kSigmoidGroups, else null. Numbers that are none (NaN)
/// choose some expert, never one outside the range. A row's choice depends on its logits only.
/// Sizes are checked with CHECK. Thread-safe.
void Route(const CpuDevice& device, const RouterOptions& options, ConstMatrixView logits,
           const float* bias, Routing* out);

}  // namespace hadal::inference
