#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// The experts of every token, ascending, and their weights.
struct Routing {
  int32_t top_k = 0;
  std::vector<int32_t> experts;  ///< [rows, top_k]
  std::vector<float> weights;    ///< [rows, top_k]

  /// That of rows [begin, end).
  Routing Rows(int64_t begin, int64_t end) const {
    return {top_k,
            {experts.begin() + begin * top_k, experts.begin() + end * top_k},
            {weights.begin() + begin * top_k, weights.begin() + end * top_k}};
  }
};

/// Chooses from the gate's logits [rows, num_experts], all in float32. Equal scores: the lower
/// index wins. bias [num_experts] f32 for ExpertGate::kSigmoidGroups, else null. Numbers that are
/// none (NaN) choose some expert, never one outside the range. A row's choice depends on its logits
/// only. Sizes are checked with CHECK. Thread-safe.
void Route(const Device& device, const MoeConfig& moe, ConstMatrixView logits, const float* bias,
           Routing* out);

}  // namespace hadal::inference
