#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/kernels/thread_pool.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// The kernels' name of a file's type. UNIMPLEMENTED for integer tensors, which no model here uses
/// as weights.
StatusOr<ElementType> ToElementType(GgmlType type);

/// Packs the matrix `name` [rows, cols] for the matmul kernels. Errors name the tensor.
StatusOr<PackedMatrix> LoadMatrix(const Checkpoint& checkpoint, const std::string& name,
                                  int64_t rows, int64_t cols, PackPrecision precision,
                                  ThreadPool& pool);

/// The vector `name` [size] (a norm or a bias), widened to float32. Errors name the tensor.
StatusOr<std::vector<float>> LoadVector(const Checkpoint& checkpoint, const std::string& name,
                                        int64_t size);

}  // namespace hadal::inference
