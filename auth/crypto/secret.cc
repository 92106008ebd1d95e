#include "auth/crypto/secret.h"

#include <openssl/crypto.h>

#include <cstring>

namespace hadal::auth {

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  if (size_ == 0) return;
  data_ = std::make_unique<char[]>(size_);
  std::memcpy(data_.get(), bytes.data(), size_);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() {
  if (data_ != nullptr) WipeMemory(data_.get(), size_);
}

void WipeMemory(void* data, size_t size) { OPENSSL_cleanse(data, size); }

}  // namespace hadal::auth
