#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace hadal::inference {

/// 64-byte aligned memory, on huge pages where it is large and the system allows it: streaming
/// weights through 4 KiB pages costs a page walk every 64 cache lines.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// RESOURCE_EXHAUSTED with the bytes asked for. The memory is zero.
  static StatusOr<AlignedBuffer> Allocate(size_t size);
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hadal::inference
