#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "auth/acl/roles.h"
#include "auth/crypto/secret.h"
#include "base/status.h"
#include "hadal/store/v1/identity.pb.h"

namespace hadal::auth {

/// Everything the identity store knows; immutable once published.
struct IdentityState {
  uint64_t revision = 0;  ///< one more with every change
  std::map<std::string, store::v1::UserRecord, std::less<>> users;
  std::map<std::string, store::v1::KeyRecord, std::less<>> keys;
  RoleMap roles;  ///< without the built-in ones
};

/// The identities file: "HADALID1", 32 bytes HMAC-SHA-256 (under the key-digest key) of all that
/// follows, u64 revision, then entries: u8 kind (1 user, 2 key, 3 role), u32 length, protobuf.
/// Little-endian. Each byte is under the HMAC or is it, so no change goes unnoticed.
std::string EncodeIdentities(const IdentityState& state, const Secret& digest_key);

/// DATA_LOSS on anything EncodeIdentities() would not have written with this key.
StatusOr<IdentityState> DecodeIdentities(std::string_view bytes, const Secret& digest_key);

}  // namespace hadal::auth
