#pragma once

#include <cstddef>
#include <ostream>
#include <string_view>
#include <utility>

namespace hadal::auth {

/// Bytes that must not be seen: keys, API secrets, private-key files. It cannot be printed, logged,
/// formatted, compared or copied, and is overwritten when it dies. Its memory is locked and left
/// out of core dumps where the system allows it (OpenSSL's secure heap). Reveal() is the one way to
/// the bytes, so a search for that word finds every place that touches a secret. Thread-compatible.
class Secret {
 public:
  Secret() = default;
  /// Takes a copy of `bytes`; the caller wipes its own with WipeMemory().
  explicit Secret(std::string_view bytes);
  Secret(Secret&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret Clone() const { return Secret(Reveal()); }
  std::string_view Reveal() const { return {data_, size_}; }
  char* MutableData() { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void Free();

  // Not a std::string: its small-buffer move would leave a copy behind.
  char* data_ = nullptr;
  size_t size_ = 0;
};

template <typename Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>&,
                                             const Secret&) = delete;

/// Overwrites memory in a way the compiler may not remove.
void WipeMemory(void* data, size_t size);

}  // namespace hadal::auth
