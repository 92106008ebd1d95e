#pragma once

#include <memory>

#include "auth/crypto/aead.h"

/// The implementations behind Aead::Create(), which has checked the key's length.
namespace hadal::auth {

StatusOr<std::unique_ptr<Aead>> NewAes256Gcm(const Secret& key);
StatusOr<std::unique_ptr<Aead>> NewSm4Gcm(const Secret& key);

}  // namespace hadal::auth
