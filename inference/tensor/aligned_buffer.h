#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/status.h"

namespace hadal::inference {

/// 64-byte aligned memory, on huge pages where the system allows it: streaming weights through
/// 4 KiB pages costs a page walk every 64 cache lines. Confined to one thread, but buffers of
/// different threads may share pages.
class AlignedBuffer {
 public:
  enum class Pages {
    kOwn,     ///< huge ones from 2 MiB on; each is on the NUMA node that touches it first
    kShared,  ///< with other such buffers, so that small ones are on huge pages too
  };

  AlignedBuffer() = default;
  /// RESOURCE_EXHAUSTED with the bytes asked for. The memory is zero.
  static StatusOr<AlignedBuffer> Allocate(size_t size, Pages pages = Pages::kOwn);
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  class Mapping;
  struct Arena;

  std::shared_ptr<Mapping> mapping_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hadal::inference
