#pragma once

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

/// PKCS#11 as pkcs11_key.cc needs it. For the sources of auth/crypto only.
namespace hadal::auth {

struct Pkcs11UriFree {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using Pkcs11UriPtr = std::unique_ptr<P11KitUri, Pkcs11UriFree>;

struct Pkcs11ModuleRelease {
  void operator()(CK_FUNCTION_LIST* module) const {
    p11_kit_module_finalize(module);
    p11_kit_module_release(module);
  }
};
using Pkcs11ModulePtr = std::unique_ptr<CK_FUNCTION_LIST, Pkcs11ModuleRelease>;

/// "what: CKR_...", with the code that fits: UNAVAILABLE for a token that fails or is gone,
/// FAILED_PRECONDITION for a refused PIN, else `otherwise`.
Status Pkcs11Error(CK_RV code, std::string_view what, StatusCode otherwise);

/// One session with the token that a URI names, logged in as its user. A session an operation: they
/// are rare, and nothing is left that a token which was pulled out could break. Confined to one
/// thread; several sessions may run side by side.
class Pkcs11Session {
 public:
  static StatusOr<std::unique_ptr<Pkcs11Session>> Open(CK_FUNCTION_LIST* module,
                                                       const P11KitUri* uri);
  ~Pkcs11Session() { module_->C_CloseSession(handle_); }
  Pkcs11Session(const Pkcs11Session&) = delete;
  Pkcs11Session& operator=(const Pkcs11Session&) = delete;

  CK_FUNCTION_LIST* module() const { return module_; }
  CK_SESSION_HANDLE handle() const { return handle_; }

 private:
  Pkcs11Session(CK_FUNCTION_LIST* module, CK_SESSION_HANDLE handle)
      : module_(module), handle_(handle) {}
  Status LogIn(const std::string& pin_file);

  CK_FUNCTION_LIST* const module_;
  const CK_SESSION_HANDLE handle_;
};

}  // namespace hadal::auth
