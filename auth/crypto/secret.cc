#include "auth/crypto/secret.h"

#include <openssl/crypto.h>

#include <cstring>

#include "base/check.h"

namespace hadal::auth {

namespace {

constexpr size_t kLockedBytes = size_t{512} << 10;  // some thousand keys
constexpr size_t kSmallestBytes = 16;

// From locked memory; from the ordinary heap once that is full or where there is none.
char* Allocate(size_t size) {
  static const int initialised = CRYPTO_secure_malloc_init(kLockedBytes, kSmallestBytes);
  static_cast<void>(initialised);
  void* data = OPENSSL_secure_malloc(size);
  if (data == nullptr) data = OPENSSL_malloc(size);
  CHECK(data != nullptr);
  return static_cast<char*>(data);
}

}  // namespace

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  if (size_ == 0) return;
  data_ = Allocate(size_);
  std::memcpy(data_, bytes.data(), size_);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Free();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Free(); }

void Secret::Free() { OPENSSL_secure_clear_free(data_, size_); }

void WipeMemory(void* data, size_t size) { OPENSSL_cleanse(data, size); }

}  // namespace hadal::auth
