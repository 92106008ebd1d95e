#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/audit/merkle.h"
#include "auth/crypto/ed25519.h"
#include "base/status.h"

/// Signed checkpoints: C2SP tlog-checkpoint in C2SP signed-note form, Ed25519 (type 0x01).
namespace hadal::auth {

/// Who signs: C2SP's verifier key "<name>+<key id, hex>+<base64(0x01 || public key)>".
struct CheckpointKey {
  std::string name;        ///< also the origin line of the log's checkpoints
  std::string public_key;  ///< 32 raw bytes

  /// First 4 bytes of SHA-256(name || "\n" || 0x01 || public key).
  std::string KeyId() const;
  /// The verifier key with a newline: the content of the file public.key.
  std::string ToText() const;
  /// INVALID_ARGUMENT unless `text` is exactly what ToText() writes.
  static StatusOr<CheckpointKey> FromText(std::string_view text);
};

/// A tree head with its signature.
struct SignedHead {
  uint64_t size = 0;
  TreeHash root{};
  std::string signature;  ///< 64 raw bytes over CheckpointBody()
};

/// What is signed: origin, size, root in base64, one line each.
std::string CheckpointBody(const std::string& origin, uint64_t size, const TreeHash& root);

StatusOr<SignedHead> SignHead(const CheckpointKey& key, const Ed25519PrivateKey& signer,
                              uint64_t size, const TreeHash& root);
bool VerifyHead(const CheckpointKey& key, const SignedHead& head);

/// The signed note: body, empty line, signature line.
std::string CheckpointText(const CheckpointKey& key, const SignedHead& head);
/// DATA_LOSS unless `text` is exactly a checkpoint of `key`'s log with one good signature by it.
StatusOr<SignedHead> ParseCheckpoint(const CheckpointKey& key, std::string_view text);

}  // namespace hadal::auth
