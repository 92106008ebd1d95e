#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// A rank's part of a stored matrix, itself a stored matrix. `data` and `scales` point into the
/// checkpoint where rows follow each other, else into the vectors.
struct WeightPart {
  ElementType type = ElementType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  absl::Span<const uint8_t> data;
  absl::Span<const float> scales;
  std::vector<uint8_t> own_data;
  std::vector<float> own_scales;
  std::vector<float> wide;
};

/// Cuts `part` out of `weight`, a matrix of `type`. The bits stay where the cut lies on whole
/// blocks of the type, or within one block of FP8; otherwise, or when kFloat32 asks for it, the
/// part is widened, which is exact. INVALID_ARGUMENT when the weight's bytes do not fit its shape.
StatusOr<WeightPart> CutWeight(const Weight& weight, ElementType type, const TensorPart& part,
                               PackPrecision precision);

}  // namespace hadal::inference
