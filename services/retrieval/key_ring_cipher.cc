#include "services/retrieval/key_ring_cipher.h"

#include "auth/crypto/master_key_source.h"
#include "base/log.h"

namespace hadal::retrieval_service {
namespace {

// A wrapped key of one base does not open as another's.
std::string Context(uint32_t base) { return fmt::format("hadal knowledge base {}", base); }

}  // namespace

StatusOr<std::unique_ptr<KeyRingCipher>> KeyRingCipher::Create(const EncryptionOptions& options) {
  std::unique_ptr<KeyRingCipher> cipher(new KeyRingCipher(options));
  RETURN_IF_ERROR(cipher->OpenRing());
  return cipher;
}

Status KeyRingCipher::OpenRing() {
  std::vector<std::shared_ptr<const auth::MasterKey>> masters;
  auto first = auth::OpenMasterKey(options_.master_key, options_.credentials_folder);
  const bool has_master_key = first.ok();
  const bool to_be_made = absl::IsNotFound(first.status()) && !options_.new_key_file.empty() &&
                          options_.former_master_keys.empty();
  if (!has_master_key && !to_be_made) return first.status();
  if (has_master_key) masters.push_back(*std::move(first));
  for (const std::string& source : options_.former_master_keys) {
    ASSIGN_OR_RETURN(auto former, auth::OpenMasterKey(source, options_.credentials_folder));
    masters.push_back(std::move(former));
  }
  absl::MutexLock lock(&mu_);
  ring_ = std::make_shared<const auth::KeyRing>(std::move(masters));
  has_master_key_ = has_master_key;
  return OkStatus();
}

StatusOr<std::shared_ptr<const auth::KeyRing>> KeyRingCipher::RingToWrap() {
  {
    absl::ReaderMutexLock lock(&mu_);
    if (has_master_key_) return ring_;
  }
  RETURN_IF_ERROR(auth::NewMasterKeyFile(options_.new_key_file));
  LogWarning(
      "made the master key {}: keep a copy of it in a safe place away from this machine; without "
      "it nobody can read the documents again",
      options_.new_key_file);
  RETURN_IF_ERROR(OpenRing());
  absl::ReaderMutexLock lock(&mu_);
  return ring_;
}

StatusOr<std::string> KeyRingCipher::CreateKey(uint32_t base) {
  if (!options_.algorithm.has_value()) {
    Keep(base, nullptr);
    return std::string();
  }
  ASSIGN_OR_RETURN(const auto ring, RingToWrap());
  ASSIGN_OR_RETURN(const auth::DataKey key, auth::NewDataKey(*options_.algorithm));
  ASSIGN_OR_RETURN(std::string wrapped, ring->Wrap(key, Context(base)));
  ASSIGN_OR_RETURN(SharedKey sealing,
                   auth::SealingKey::Create(key.algorithm, key.key, /*sealed_before=*/0));
  Keep(base, std::move(sealing));
  return wrapped;
}

StatusOr<std::string> KeyRingCipher::LoadKey(uint32_t base, const std::string& wrapped_key,
                                             uint64_t sealed_values) {
  if (wrapped_key.empty()) {
    Keep(base, nullptr);
    return std::string();
  }
  std::shared_ptr<const auth::KeyRing> ring;
  {
    absl::ReaderMutexLock lock(&mu_);
    ring = ring_;
  }
  ASSIGN_OR_RETURN(const auth::DataKey key, ring->Unwrap(wrapped_key, Context(base)));
  ASSIGN_OR_RETURN(SharedKey sealing,
                   auth::SealingKey::Create(key.algorithm, key.key, sealed_values));
  Keep(base, std::move(sealing));
  if (ring->WrappedByFirst(wrapped_key)) return wrapped_key;
  return ring->Wrap(key, Context(base));
}

void KeyRingCipher::DropKey(uint32_t base) {
  absl::MutexLock lock(&mu_);
  keys_.erase(base);
}

std::string KeyRingCipher::Algorithm(uint32_t base) const {
  const StatusOr<SharedKey> key = KeyOf(base);
  if (!key.ok() || *key == nullptr) return "";
  return std::string(auth::AeadName((*key)->algorithm()));
}

uint64_t KeyRingCipher::SealedValues(uint32_t base) const {
  const StatusOr<SharedKey> key = KeyOf(base);
  return key.ok() && *key != nullptr ? (*key)->sealed_values() : 0;
}

Status KeyRingCipher::Seal(uint32_t base, std::string_view key, std::string_view value,
                           std::string& out) {
  ASSIGN_OR_RETURN(const SharedKey sealing, KeyOf(base));
  if (sealing != nullptr) return sealing->Seal(key, value, out);
  out.append(value);
  return OkStatus();
}

Status KeyRingCipher::Open(uint32_t base, std::string_view key, std::string_view sealed,
                           std::string& out) const {
  ASSIGN_OR_RETURN(const SharedKey sealing, KeyOf(base));
  if (sealing != nullptr) return sealing->Open(key, sealed, out);
  out.append(sealed);
  return OkStatus();
}

StatusOr<KeyRingCipher::SharedKey> KeyRingCipher::KeyOf(uint32_t base) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = keys_.find(base);
  if (it == keys_.end()) return NotFound("knowledge base number {} has no key: deleted?", base);
  return it->second;
}

void KeyRingCipher::Keep(uint32_t base, SharedKey key) {
  absl::MutexLock lock(&mu_);
  keys_[base] = std::move(key);
}

}  // namespace hadal::retrieval_service
