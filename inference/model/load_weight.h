#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/kernels/device_buffer.h"
#include "inference/model/weight_part.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// The kernels' name of a file's type. UNIMPLEMENTED for integer tensors, which no model here uses
/// as weights.
StatusOr<ElementType> ToElementType(GgmlType type);

/// What `plan` gives this rank of the matrix `name`, in all [rows, cols], as CutWeight cuts it.
/// Errors name the tensor.
StatusOr<WeightPart> ReadPart(const Checkpoint& checkpoint, const ShardPlan& plan,
                              const std::string& name, int64_t rows, int64_t cols,
                              PackPrecision precision);

/// The same packed for the matmul kernels.
StatusOr<PackedMatrix> LoadMatrix(const Checkpoint& checkpoint, const ShardPlan& plan,
                                  const std::string& name, int64_t rows, int64_t cols,
                                  PackPrecision precision, const Device& device);

/// The whole matrix.
inline StatusOr<PackedMatrix> LoadMatrix(const Checkpoint& checkpoint, const std::string& name,
                                         int64_t rows, int64_t cols, PackPrecision precision,
                                         const Device& device) {
  return LoadMatrix(checkpoint, ShardPlan(), name, rows, cols, precision, device);
}

/// What `plan` gives this rank of the vector `name` (a norm or a bias), in all [size], widened to
/// float32. Errors name the tensor.
StatusOr<std::vector<float>> LoadVector(const Checkpoint& checkpoint, const ShardPlan& plan,
                                        const std::string& name, int64_t size);

/// The same on `device`.
StatusOr<DeviceBuffer> LoadVector(const Checkpoint& checkpoint, const ShardPlan& plan,
                                  const std::string& name, int64_t size, const Device& device);

/// The whole vector.
inline StatusOr<std::vector<float>> LoadVector(const Checkpoint& checkpoint,
                                               const std::string& name, int64_t size) {
  return LoadVector(checkpoint, ShardPlan(), name, size);
}

}  // namespace hadal::inference
