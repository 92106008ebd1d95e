#include "inference/tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <utility>

namespace hadal::inference {
namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

StatusOr<AlignedBuffer> AlignedBuffer::Allocate(size_t size) {
  AlignedBuffer buffer;
  if (size == 0) return buffer;
  // A huge page must start at its own alignment: map more, give back both ends.
  const size_t extra = size >= kHugePage ? kHugePage : 0;
  const size_t mapped = (size + 4095) / 4096 * 4096;
  void* start =
      mmap(nullptr, mapped + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    return ResourceExhausted("no memory for {} bytes: use a smaller model or cache, or add memory",
                             size);
  }
  auto* bytes = static_cast<uint8_t*>(start);
  if (extra != 0) {
    const size_t skip = (kHugePage - reinterpret_cast<uintptr_t>(bytes) % kHugePage) % kHugePage;
    if (skip != 0) munmap(bytes, skip);
    if (skip != extra) munmap(bytes + skip + mapped, extra - skip);
    bytes += skip;
    madvise(bytes, mapped, MADV_HUGEPAGE);  // advice: refused where huge pages are switched off
  }
  buffer.data_ = bytes;
  buffer.size_ = size;
  return buffer;
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ != nullptr) munmap(data_, (size_ + 4095) / 4096 * 4096);
}

}  // namespace hadal::inference
