#include "auth/crypto/pkcs11_session.h"

#include <algorithm>
#include <vector>

#include "auth/crypto/secret_file.h"

namespace hadal::auth {
namespace {

// PKCS#11 pads names with blanks.
std::string Trimmed(const unsigned char* text, size_t size) {
  std::string trimmed(reinterpret_cast<const char*>(text), size);
  trimmed.erase(trimmed.find_last_not_of(' ') + 1);
  return trimmed;
}

// The one token that the URI names.
StatusOr<CK_SLOT_ID> FindToken(CK_FUNCTION_LIST* module, const P11KitUri* uri) {
  CK_ULONG count = 0;
  CK_RV code = module->C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> slots(count);
  if (code == CKR_OK) code = module->C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (code != CKR_OK) return Pkcs11Error(code, "listing the tokens", StatusCode::kUnavailable);
  slots.resize(count);
  std::vector<CK_SLOT_ID> matching;
  bool last_try = false;  // a service that is started again and again must not use it up
  std::string found;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (module->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    found +=
        fmt::format("{}'{}'", found.empty() ? "" : ", ", Trimmed(info.label, sizeof info.label));
    if (p11_kit_uri_match_token_info(uri, &info) == 0) continue;
    matching.push_back(slot);
    last_try |= (info.flags & CKF_USER_PIN_FINAL_TRY) != 0;
  }
  if (last_try) {
    return FailedPrecondition(
        "one more wrong PIN would lock the token: correct the PIN file and log in by hand once "
        "(pkcs11-tool --login --list-objects), then start again");
  }
  if (matching.size() == 1) return matching.front();
  return NotFound("{} tokens match the URI, expected one; there are: {}", matching.size(),
                  found.empty() ? "none" : found);
}

}  // namespace

Status Pkcs11Error(CK_RV code, std::string_view what, StatusCode otherwise) {
  const std::string text =
      fmt::format("{}: {} (PKCS#11 code {:#x})", what, p11_kit_strerror(code), code);
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return FailedPrecondition(
          "{}: correct the PIN file before the next start; a token locks after a few wrong PINs",
          text);
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
      return FailedPrecondition("{}: its security officer has to set the PIN anew", text);
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_COUNT:
      return Unavailable("{}: is the token connected?", text);
    default:
      return MakeStatus(otherwise, text);
  }
}

StatusOr<std::unique_ptr<Pkcs11Session>> Pkcs11Session::Open(CK_FUNCTION_LIST* module,
                                                             const P11KitUri* uri) {
  ASSIGN_OR_RETURN(const CK_SLOT_ID slot, FindToken(module, uri));
  CK_SESSION_HANDLE handle = 0;
  const CK_RV code = module->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &handle);
  if (code != CKR_OK) return Pkcs11Error(code, "opening a session", StatusCode::kUnavailable);
  std::unique_ptr<Pkcs11Session> session(new Pkcs11Session(module, handle));
  RETURN_IF_ERROR(session->LogIn(p11_kit_uri_get_pin_source(uri)));
  return session;
}

Status Pkcs11Session::LogIn(const std::string& pin_file) {
  constexpr std::string_view kFile = "file:";
  ASSIGN_OR_RETURN(
      const Secret content,
      ReadSecretFile(pin_file.starts_with(kFile) ? pin_file.substr(kFile.size()) : pin_file));
  std::string_view pin = content.Reveal();
  while (pin.ends_with('\n') || pin.ends_with('\r')) pin.remove_suffix(1);
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(pin.data()));
  const CK_RV code = module_->C_Login(handle_, CKU_USER, bytes, pin.size());
  // Logging in is the process's, not the session's: another session may have done it.
  if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return OkStatus();
  return Pkcs11Error(code, "logging in with the PIN of " + pin_file,
                     StatusCode::kFailedPrecondition);
}

}  // namespace hadal::auth
