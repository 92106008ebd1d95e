#pragma once

#include <cstdint>

#include "base/status.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// What one forward pass takes from the machine, whatever the kernels do: the two limits of its
/// speed. Attention and what lies in caches are not in it.
struct StepCost {
  double weight_bytes = 0;   ///< packed weights that are read, each of them once
  double multiply_adds = 0;  ///< of the matrices
};

/// Adds up a step of `rows` tokens on one rank, of which `logits` meet the output projection, from
/// the sizes of the packed weights (ComputeMode::kNative). Of tables one row a token counts. Of
/// routed experts as many are read as `rows` tokens are expected to choose when every choice is as
/// likely as any other, E(1 - (1 - k/E)^rows): exact for one token, and too many where tokens are
/// alike. Encoders have no output projection. UNIMPLEMENTED naming a tensor of a type there are no
/// kernels for.
StatusOr<StepCost> CostOfStep(const Checkpoint& checkpoint, int32_t rows, int32_t logits);

}  // namespace hadal::inference
