#pragma once

#include <memory>
#include <string>

#include "auth/crypto/master_key.h"
#include "base/status.h"

/// Where a master key may come from, as one line of configuration:
///   file:PATH        32 bytes raw, 64 hexadecimal digits, or Base64; readable by its owner only
///   credential:NAME  the same from a systemd credential (LoadCredential=NAME:PATH)
///   pkcs11:...       an RFC 7512 URI of an AES-256 key that stays in its token
namespace hadal::auth {

/// INVALID_ARGUMENT, saying what is expected, unless `source` is one of them. Opens nothing.
Status CheckMasterKeySource(const std::string& source);

/// `credentials_folder` is systemd's $CREDENTIALS_DIRECTORY, empty where the service has none.
/// NOT_FOUND when the file, credential, token or key is absent; FAILED_PRECONDITION when others may
/// read the file or the token would give the key away; INVALID_ARGUMENT when it holds no key;
/// UNAVAILABLE when the token does not answer. Errors name the source, never its content.
StatusOr<std::shared_ptr<const MasterKey>> OpenMasterKey(const std::string& source,
                                                         const std::string& credentials_folder);

/// Makes a random master key as a file of mode 0600, in hexadecimal. ALREADY_EXISTS, and the file
/// untouched, when there is one: nobody may lose a key by making another.
Status NewMasterKeyFile(const std::string& path);

}  // namespace hadal::auth
