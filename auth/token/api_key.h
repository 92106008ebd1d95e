#pragma once

#include <string>
#include <string_view>

#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::auth {

/// An API key as its owner holds it: "hadal_<id>_<secret><check>", all base32. The id (80 random
/// bits) is public and finds the record; the secret has 256 random bits; the check (30 bits of a
/// SHA-256 of what stands before it) tells a mistyped key from a wrong one before any look-up, and
/// lets secret scanners recognise keys.
struct ApiKey {
  std::string id;
  Secret text;  ///< the whole key
};

StatusOr<ApiKey> NewApiKey();

/// The id inside a well-formed key, whose checksum holds; INVALID_ARGUMENT otherwise. The message
/// never quotes the key.
StatusOr<std::string> ApiKeyId(std::string_view text);

/// What is stored of a key: HMAC-SHA-256 of the whole text under the appliance's key-digest key.
std::string ApiKeyDigest(const Secret& digest_key, std::string_view text);

}  // namespace hadal::auth
