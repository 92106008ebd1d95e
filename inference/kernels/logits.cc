#include "inference/kernels/logits.h"

#include <algorithm>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {

bool BlockMaxima(const Device& device, absl::Span<const float> x, absl::Span<float> maxima) {
  CHECK(maxima.size() == NumLogitBlocks(x.size()));
  return device.cpu().kernels().elementwise->block_maxima(x.data(), static_cast<int64_t>(x.size()),
                                                          kLogitBlock, maxima.data());
}

size_t IndexOfLargest(absl::Span<const float> x, absl::Span<const float> maxima) {
  CHECK(!x.empty() && maxima.size() == NumLogitBlocks(x.size()));
  const auto largest = std::max_element(maxima.begin(), maxima.end());
  const auto block = x.begin() + (largest - maxima.begin()) * int64_t{kLogitBlock};
  return static_cast<size_t>(std::find(block, x.end(), *largest) - x.begin());
}

void ScaledExp(const Device& device, absl::Span<const float> x, float shift, float scale,
               absl::Span<float> y) {
  CHECK(x.size() == y.size());
  device.cpu().kernels().elementwise->scaled_exp(x.data(), static_cast<int64_t>(x.size()), shift,
                                                 scale, y.data());
}

void BlockExpSums(const Device& device, absl::Span<const float> x, float shift, float scale,
                  absl::Span<float> sums) {
  CHECK(sums.size() == NumLogitBlocks(x.size()));
  device.cpu().kernels().elementwise->block_exp_sums(x.data(), static_cast<int64_t>(x.size()),
                                                     kLogitBlock, shift, scale, sums.data());
}

}  // namespace hadal::inference
