#pragma once

#include <string>

#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::auth {

/// Reads a file that only its owner may read. FAILED_PRECONDITION when group or others have any
/// right on it (the message names the chmod that helps), NOT_FOUND when it is absent,
/// RESOURCE_EXHAUSTED above 64 KiB.
StatusOr<Secret> ReadSecretFile(const std::string& path);

/// Replaces `path` atomically and durably, mode 0600.
Status WriteSecretFile(const std::string& path, const Secret& content);

}  // namespace hadal::auth
