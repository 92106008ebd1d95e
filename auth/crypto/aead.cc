#include "auth/crypto/aead.h"

#include "auth/crypto/aead_backends.h"
#include "base/check.h"

namespace hadal::auth {

std::string_view AeadName(AeadAlgorithm algorithm) {
  return algorithm == AeadAlgorithm::kAes256Gcm ? "AES-256-GCM" : "SM4-GCM";
}

size_t AeadKeyBytes(AeadAlgorithm algorithm) {
  return algorithm == AeadAlgorithm::kAes256Gcm ? 32 : 16;
}

StatusOr<AeadAlgorithm> AeadFromNumber(uint8_t number) {
  if (number == static_cast<uint8_t>(AeadAlgorithm::kAes256Gcm)) return AeadAlgorithm::kAes256Gcm;
  if (number == static_cast<uint8_t>(AeadAlgorithm::kSm4Gcm)) return AeadAlgorithm::kSm4Gcm;
  return InvalidArgument("encryption algorithm {}: expected 1 (AES-256-GCM) or 2 (SM4-GCM)",
                         number);
}

StatusOr<std::unique_ptr<Aead>> Aead::Create(AeadAlgorithm algorithm, const Secret& key) {
  if (key.size() != AeadKeyBytes(algorithm)) {
    return InvalidArgument("a key of {} has {} bytes, expected {}", AeadName(algorithm), key.size(),
                           AeadKeyBytes(algorithm));
  }
  return algorithm == AeadAlgorithm::kAes256Gcm ? NewAes256Gcm(key) : NewSm4Gcm(key);
}

Status Aead::Seal(std::string_view nonce, std::string_view associated, std::string_view plaintext,
                  std::string& out) const {
  CHECK(nonce.size() == kAeadNonceBytes);
  if (plaintext.size() > kMaxAeadBytes || associated.size() > kMaxAeadBytes) {
    return InvalidArgument("{} bytes to encrypt with {} associated ones: expected at most {}",
                           plaintext.size(), associated.size(), kMaxAeadBytes);
  }
  const size_t begin = out.size();
  out.resize(begin + plaintext.size() + kAeadTagBytes);
  const Status status = Encrypt(nonce, associated, plaintext, out.data() + begin);
  if (!status.ok()) out.resize(begin);
  return status;
}

Status Aead::Open(std::string_view nonce, std::string_view associated, std::string_view sealed,
                  std::string& out) const {
  CHECK(nonce.size() == kAeadNonceBytes);
  if (sealed.size() < kAeadTagBytes || sealed.size() > kMaxAeadBytes + kAeadTagBytes ||
      associated.size() > kMaxAeadBytes) {
    return DataLoss("{} encrypted bytes: expected {} to {}", sealed.size(), kAeadTagBytes,
                    kMaxAeadBytes + kAeadTagBytes);
  }
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kAeadTagBytes);
  const size_t begin = out.size();
  out.resize(begin + ciphertext.size());
  const StatusOr<bool> opened =
      Decrypt(nonce, associated, ciphertext, sealed.substr(ciphertext.size()), out.data() + begin);
  if (opened.ok() && *opened) return OkStatus();
  // What was decrypted is not what anybody sealed: nobody may see it.
  WipeMemory(out.data() + begin, ciphertext.size());
  out.resize(begin);
  RETURN_IF_ERROR(opened.status());
  return DataLoss("the authentication tag does not fit: other bytes, another place or another key");
}

}  // namespace hadal::auth
