#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal::inference {

/// 64-byte aligned scratch that grows and is kept: thread_local where an op needs it, so that none
/// allocates in the steady state. Of one thread.
class KeptMemory {
 public:
  /// Room for `count` numbers or plain structs T; what was reserved before is gone. Null for none
  /// if there never were any.
  template <typename T>
  T* Reserve(int64_t count) {
    const auto lines = (static_cast<size_t>(count) * sizeof(T) + sizeof(Line) - 1) / sizeof(Line);
    if (lines_.size() < lines) lines_.resize(lines);
    return reinterpret_cast<T*>(lines_.data());
  }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_;
};

}  // namespace hadal::inference
