#include "retrieval/store/base_key_cipher.h"

namespace hadal::retrieval {

// No key of the database begins so.
std::string BaseKeyCipher::KeyOf(std::string_view context) const {
  return fmt::format("index of base {}: {}", base_, context);
}

StatusOr<std::string> BaseKeyCipher::Seal(std::string_view context, std::string_view plain) const {
  std::string sealed;
  RETURN_IF_ERROR(cipher_->Seal(base_, KeyOf(context), plain, sealed));
  return sealed;
}

StatusOr<std::string> BaseKeyCipher::Open(std::string_view context, std::string_view sealed) const {
  std::string plain;
  RETURN_IF_ERROR(cipher_->Open(base_, KeyOf(context), sealed, plain));
  return plain;
}

}  // namespace hadal::retrieval
