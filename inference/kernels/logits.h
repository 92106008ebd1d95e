#pragma once

#include "absl/types/span.h"
#include "inference/kernels/device.h"

namespace hadal::inference {

// One row of logits, for who chooses from it. These run on the calling thread: a row is read in
// some tens of microseconds. Thread-safe.

/// A row is cut into blocks of so many values; the last may have fewer.
inline constexpr size_t kLogitBlock = 256;

constexpr size_t NumLogitBlocks(size_t count) { return (count + kLogitBlock - 1) / kLogitBlock; }

/// maxima[b] = the largest of block b of x. False, and maxima are void, when a value is NaN or
/// +inf. maxima [NumLogitBlocks(x.size())].
bool BlockMaxima(const Device& device, absl::Span<const float> x, absl::Span<float> maxima);

/// The index of the largest of x [not empty], the lowest of equals, by its BlockMaxima().
size_t IndexOfLargest(absl::Span<const float> x, absl::Span<const float> maxima);

/// y = exp((x - shift) * scale), to 2 units in the last place of the power's rounding; 0 below
/// e^-87, which is that of -inf. No x is above shift; scale is positive. y may be x.
void ScaledExp(const Device& device, absl::Span<const float> x, float shift, float scale,
               absl::Span<float> y);

/// sums[b] = the sum of ScaledExp over block b of x, in float32. sums [NumLogitBlocks(x.size())].
void BlockExpSums(const Device& device, absl::Span<const float> x, float shift, float scale,
                  absl::Span<float> sums);

}  // namespace hadal::inference
