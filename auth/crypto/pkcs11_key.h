#pragma once

#include <memory>
#include <string>

#include "auth/crypto/master_key.h"
#include "base/status.h"

/// A master key that never leaves a PKCS#11 token (HSM, smart card): the token encrypts and
/// decrypts data keys with it, by CKM_AES_GCM (PKCS#11 v2.40 §2.12.3).
namespace hadal::auth {

/// INVALID_ARGUMENT unless `uri` is an RFC 7512 URI that names a key (object or id) and has
/// module-path and pin-source, the path of a file with the user's PIN.
Status CheckPkcs11Uri(const std::string& uri);

/// Loads the module, logs in and finds the key, so that what is wrong shows at once. NOT_FOUND for
/// an absent module, token or key, naming the tokens there are; FAILED_PRECONDITION when the PIN is
/// refused, or the key is no AES-256 key or can be taken out of the token; UNAVAILABLE when the
/// token fails. Its id comes from label and id of the key, so a copy in a second token serves too.
StatusOr<std::shared_ptr<const MasterKey>> OpenPkcs11Key(const std::string& uri);

}  // namespace hadal::auth
