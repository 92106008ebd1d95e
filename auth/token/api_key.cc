#include "auth/token/api_key.h"

#include "auth/crypto/digest.h"
#include "auth/token/base32.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kPrefix = "hadal_";
constexpr size_t kIdBytes = 10;
constexpr size_t kIdChars = 16;
constexpr size_t kSecretBytes = 32;
constexpr size_t kSecretChars = 52;
constexpr size_t kCheckChars = 6;
constexpr size_t kKeyChars = kPrefix.size() + kIdChars + 1 + kSecretChars + kCheckChars;

std::string CheckOf(std::string_view unchecked) {
  return Base32Encode(Sha256(unchecked)).substr(0, kCheckChars);
}

}  // namespace

StatusOr<ApiKey> NewApiKey() {
  ASSIGN_OR_RETURN(const std::string id_bytes, RandomBytes(kIdBytes));
  ASSIGN_OR_RETURN(const Secret secret, RandomSecret(kSecretBytes));
  ApiKey key;
  key.id = Base32Encode(id_bytes);
  std::string encoded = Base32Encode(secret.Reveal());
  std::string text;
  text.reserve(kKeyChars);  // no reallocation may leave a part of the key behind
  text.append(kPrefix).append(key.id).append("_").append(encoded);
  text.append(CheckOf(text));
  key.text = Secret(text);
  WipeMemory(encoded.data(), encoded.size());
  WipeMemory(text.data(), text.size());
  return key;
}

StatusOr<std::string> ApiKeyId(std::string_view text) {
  const size_t id_end = kPrefix.size() + kIdChars;
  if (text.size() != kKeyChars || !text.starts_with(kPrefix) || text[id_end] != '_' ||
      !IsBase32(text.substr(kPrefix.size(), kIdChars)) || !IsBase32(text.substr(id_end + 1))) {
    return InvalidArgument("not an API key: expected {} characters of the form hadal_<id>_<secret>",
                           kKeyChars);
  }
  if (CheckOf(text.substr(0, kKeyChars - kCheckChars)) !=
      text.substr(kKeyChars - kCheckChars)) {
    return InvalidArgument("mistyped API key: its checksum does not match");
  }
  return std::string(text.substr(kPrefix.size(), kIdChars));
}

std::string ApiKeyDigest(const Secret& digest_key, std::string_view text) {
  return HmacSha256(digest_key.Reveal(), text);
}

}  // namespace hadal::auth
