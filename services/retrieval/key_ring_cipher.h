#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/crypto/key_ring.h"
#include "auth/crypto/sealed_value.h"
#include "retrieval/value_cipher.h"

namespace hadal::retrieval_service {

struct EncryptionOptions {
  std::optional<auth::AeadAlgorithm> algorithm;  ///< of new bases; nullopt: not encrypted
  std::string master_key;                        ///< source; see auth/crypto/master_key_source.h
  std::vector<std::string> former_master_keys;   ///< sources; read during a rotation
  std::string new_key_file;        ///< may be made when `master_key`, this file, is absent
  std::string credentials_folder;  ///< systemd's; empty: none
};

/// retrieval::ValueCipher over auth/crypto: a data key for each base, wrapped by a master key.
/// Thread-safe.
class KeyRingCipher final : public retrieval::ValueCipher {
 public:
  /// Opens the master keys. An absent `new_key_file` is no error yet, unless there are former keys:
  /// it is made when the first base needs a key, and only then, so that a store whose key file was
  /// lost is never given another one. Errors of auth::OpenMasterKey().
  static StatusOr<std::unique_ptr<KeyRingCipher>> Create(const EncryptionOptions& options);

  StatusOr<std::string> CreateKey(uint32_t base) override ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<std::string> LoadKey(uint32_t base, const std::string& wrapped_key,
                                uint64_t sealed_values) override ABSL_LOCKS_EXCLUDED(mu_);
  void DropKey(uint32_t base) override ABSL_LOCKS_EXCLUDED(mu_);
  std::string Algorithm(uint32_t base) const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t SealedValues(uint32_t base) const override ABSL_LOCKS_EXCLUDED(mu_);
  Status Seal(uint32_t base, std::string_view key, std::string_view value,
              std::string& out) override ABSL_LOCKS_EXCLUDED(mu_);
  Status Open(uint32_t base, std::string_view key, std::string_view sealed,
              std::string& out) const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using SharedKey = std::shared_ptr<auth::SealingKey>;  // null: the base is not encrypted

  explicit KeyRingCipher(EncryptionOptions options) : options_(std::move(options)) {}
  Status OpenRing() ABSL_LOCKS_EXCLUDED(mu_);
  /// With a master key in it, made now if it has to be.
  StatusOr<std::shared_ptr<const auth::KeyRing>> RingToWrap() ABSL_LOCKS_EXCLUDED(mu_);
  /// NOT_FOUND for a base that is not known.
  StatusOr<SharedKey> KeyOf(uint32_t base) const ABSL_LOCKS_EXCLUDED(mu_);
  void Keep(uint32_t base, SharedKey key) ABSL_LOCKS_EXCLUDED(mu_);

  const EncryptionOptions options_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const auth::KeyRing> ring_ ABSL_GUARDED_BY(mu_);
  bool has_master_key_ ABSL_GUARDED_BY(mu_) = false;
  std::map<uint32_t, SharedKey> keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval_service
