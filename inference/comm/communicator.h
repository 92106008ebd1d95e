#pragma once

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/status.h"

namespace hadal::inference {

/// A group of ranks that compute one thing together, seen from one of them. Every call is
/// collective: all ranks of the group make the same calls in the same order with sizes that fit.
/// Each call is also a barrier: nobody leaves it before all have reached it.
///
/// Sums are float32 and add rank 0, 1, ... size() - 1 in this order, element by element: all ranks
/// get the same bits, whatever the implementation and whoever comes first.
///
/// No call waits longer than its timeout (and a fraction for telling the others). UNAVAILABLE names
/// the rank that is dead or stuck and the collective; all ranks get it, and every later call on
/// this group and those it shares ranks with returns it too: restart the ranks. INTERNAL when sizes
/// do not fit. Thread-compatible; all groups of one rank are used by one thread at a time.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int32_t rank() const = 0;
  virtual int32_t size() const = 0;

  /// data[i] = sum over ranks of their data[i].
  virtual Status AllReduceSum(absl::Span<float> data) = 0;
  /// `data` is size() parts of `counts` values; out [counts[rank()]] = sum of the ranks' part
  /// rank(). `out` may be that part of `data`, and overlaps nothing else of it.
  virtual Status ReduceScatterSum(absl::Span<const float> data, absl::Span<const int64_t> counts,
                                  absl::Span<float> out) = 0;
  /// all = the ranks' `mine` one after the other, `bytes[r]` of rank r; `mine` may be its place.
  virtual Status AllGather(absl::Span<const uint8_t> mine, absl::Span<const int64_t> bytes,
                           absl::Span<uint8_t> all) = 0;
  /// `send` is size() parts: send_bytes[r] go to rank r. `receive` likewise, by sender; no overlap.
  virtual Status AllToAllV(absl::Span<const uint8_t> send, absl::Span<const int64_t> send_bytes,
                           absl::Span<uint8_t> receive,
                           absl::Span<const int64_t> receive_bytes) = 0;
  /// `data` becomes that of rank `root`.
  virtual Status Broadcast(int32_t root, absl::Span<uint8_t> data) = 0;
  virtual Status Barrier() = 0;
  /// With a timeout of its own: the first meeting after loading takes as long as loading differs.
  virtual Status Barrier(absl::Duration timeout) = 0;
  /// The ranks that gave the same `color`, in their order here.
  virtual StatusOr<std::unique_ptr<Communicator>> Split(int32_t color) = 0;

  /// AllToAllV with equal parts.
  Status AllToAll(absl::Span<const uint8_t> send, absl::Span<uint8_t> receive);
};

template <typename T>
absl::Span<const uint8_t> AsBytes(absl::Span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}
template <typename T>
absl::Span<uint8_t> AsWritableBytes(absl::Span<T> values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace hadal::inference
