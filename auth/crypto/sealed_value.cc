#include "auth/crypto/sealed_value.h"

#include "auth/crypto/digest.h"
#include "auth/folder/little_endian.h"

namespace hadal::auth {
namespace {

constexpr char kIdPurpose[] = "hadal data key id";

}  // namespace

StatusOr<std::unique_ptr<SealingKey>> SealingKey::Create(AeadAlgorithm algorithm, const Secret& key,
                                                         uint64_t sealed_before) {
  ASSIGN_OR_RETURN(std::unique_ptr<Aead> aead, Aead::Create(algorithm, key));
  const std::string mac = HmacSha256(key.Reveal(), kIdPurpose);
  std::string_view bytes = mac;
  uint32_t id = 0;
  TakeInteger(bytes, id);
  return std::unique_ptr<SealingKey>(new SealingKey(algorithm, id, std::move(aead), sealed_before));
}

Status SealingKey::Seal(std::string_view associated, std::string_view plaintext, std::string& out) {
  if (sealed_values_.fetch_add(1, std::memory_order_relaxed) >= kMaxSealedValues) {
    return ResourceExhausted(
        "data key {:08x} has encrypted 2^32 values, as many as one key may (NIST SP 800-38D): "
        "make a new knowledge base, which has a key of its own, and add the documents to it",
        id_);
  }
  ASSIGN_OR_RETURN(const std::string nonce, RandomBytes(kAeadNonceBytes));
  const size_t begin = out.size();
  out.reserve(begin + plaintext.size() + kSealedOverheadBytes);
  AppendInteger(static_cast<uint8_t>(algorithm_), out);
  AppendInteger(id_, out);
  out.append(nonce);
  const Status status = aead_->Seal(nonce, associated, plaintext, out);
  if (!status.ok()) out.resize(begin);
  return status;
}

Status SealingKey::Open(std::string_view associated, std::string_view sealed,
                        std::string& out) const {
  if (sealed.size() < kSealedOverheadBytes) {
    return DataLoss("an encrypted value has {} bytes, expected at least {}", sealed.size(),
                    kSealedOverheadBytes);
  }
  uint8_t algorithm = 0;
  uint32_t id = 0;
  TakeInteger(sealed, algorithm);
  TakeInteger(sealed, id);
  if (algorithm != static_cast<uint8_t>(algorithm_) || id != id_) {
    return DataLoss("encrypted by data key {:08x} (algorithm {}), expected {:08x} ({})", id,
                    algorithm, id_, static_cast<uint8_t>(algorithm_));
  }
  const std::string_view nonce = sealed.substr(0, kAeadNonceBytes);
  return aead_->Open(nonce, associated, sealed.substr(kAeadNonceBytes), out);
}

}  // namespace hadal::auth
