#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// Float32 values in a device's memory: operands of ops. What is no op reads them through ToHost()
/// only. Thread-compatible.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// A copy of `values`.
  DeviceBuffer(const Device&, std::vector<float> values) : values_(std::move(values)) {}

  /// Room for a matrix of this shape at the beginning, until more is asked for: memory only grows,
  /// and what it held is lost when it does.
  MatrixView Reserve(const Device&, int64_t rows, int64_t cols) {
    values_.resize(std::max(values_.size(), static_cast<size_t>(rows * cols)));
    return {values_.data(), rows, cols};
  }
  /// nullptr while it is empty.
  const float* data() const { return values_.empty() ? nullptr : values_.data(); }

 private:
  std::vector<float> values_;
};

}  // namespace hadal::inference
