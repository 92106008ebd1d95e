#include "inference/tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace hadal::inference {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
/// What shared buffers are cut from; a larger one has a mapping of its own.
constexpr size_t kSharedBytes = size_t{64} << 20;

size_t WholePages(size_t size) { return (size + kPage - 1) / kPage * kPage; }

}  // namespace

/// Memory from the system, whole pages of it, on huge ones where it is large.
class AlignedBuffer::Mapping {
 public:
  /// Null when there is no memory.
  static std::shared_ptr<Mapping> Create(size_t size) {
    // A huge page must start at its own alignment: map more, give back both ends.
    const size_t extra = size >= kHugePage ? kHugePage : 0;
    void* start =
        mmap(nullptr, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    auto* bytes = static_cast<uint8_t*>(start);
    if (extra != 0) {
      const size_t skip = (kHugePage - reinterpret_cast<uintptr_t>(bytes) % kHugePage) % kHugePage;
      if (skip != 0) munmap(bytes, skip);
      if (skip != extra) munmap(bytes + skip + size, extra - skip);
      bytes += skip;
      madvise(bytes, size, MADV_HUGEPAGE);  // advice: refused where huge pages are switched off
    }
    return std::make_shared<Mapping>(bytes, size);
  }

  Mapping(uint8_t* begin, size_t size) : begin_(begin), size_(size) {}
  ~Mapping() { munmap(begin_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  uint8_t* begin() const { return begin_; }

 private:
  uint8_t* const begin_;
  const size_t size_;
};

/// The mapping that shared buffers are cut from now. Its pages are used once, so they are zero.
struct AlignedBuffer::Arena {
  absl::Mutex mu;
  std::shared_ptr<Mapping> mapping ABSL_GUARDED_BY(mu);
  size_t used ABSL_GUARDED_BY(mu) = 0;

  /// `bytes`, at most kSharedBytes, at *data of the mapping returned; null when there is no memory.
  std::shared_ptr<Mapping> Take(size_t bytes, uint8_t** data) {
    const absl::MutexLock lock(&mu);
    if (mapping == nullptr || used + bytes > kSharedBytes) {
      mapping = Mapping::Create(kSharedBytes);
      used = 0;
    }
    if (mapping == nullptr) return nullptr;
    *data = mapping->begin() + used;
    used += bytes;
    return mapping;
  }
};

StatusOr<AlignedBuffer> AlignedBuffer::Allocate(size_t size, Pages pages) {
  static auto* const arena = new Arena();  // never destroyed: buffers of statics outlive it
  AlignedBuffer buffer;
  if (size == 0) return buffer;
  const size_t bytes = WholePages(size);
  if (pages == Pages::kShared && bytes <= kSharedBytes) {
    buffer.mapping_ = arena->Take(bytes, &buffer.data_);
  } else {
    buffer.mapping_ = Mapping::Create(bytes);
    if (buffer.mapping_ != nullptr) buffer.data_ = buffer.mapping_->begin();
  }
  if (buffer.mapping_ == nullptr) {
    return ResourceExhausted("no memory for {} bytes: use a smaller model or cache, or add memory",
                             size);
  }
  buffer.size_ = size;
  return buffer;
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : mapping_(std::move(other.mapping_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  // Others may keep the mapping; the memory goes back at once.
  if (mapping_.use_count() > 1) madvise(data_, WholePages(size_), MADV_DONTNEED);
}

}  // namespace hadal::inference
