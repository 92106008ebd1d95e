#include "auth/crypto/openssl_error.h"

#include <openssl/err.h>

namespace hadal::auth {

Status OpensslError(StatusCode code, std::string_view what) {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return MakeStatus(code, what);
  char text[256];
  ERR_error_string_n(error, text, sizeof text);
  return MakeStatus(code, fmt::format("{}: {}", what, text));
}

}  // namespace hadal::auth
