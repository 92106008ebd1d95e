#include "auth/identity/validation.h"

#include <algorithm>

#include "base/utf8.h"

namespace hadal::auth {
namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr size_t kMaxNameBytes = 128;
constexpr int kMaxNames = 64;

bool IsIdChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '@' || c == '-';
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && IsValidUtf8(name) &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

template <typename Names>
Status CheckNames(std::string_view what, const Names& names) {
  if (names.size() > kMaxNames) {
    return InvalidArgument("{} {}s given, at most {} are possible", names.size(), what, kMaxNames);
  }
  for (const std::string& name : names) {
    if (!IsName(name)) {
      return InvalidArgument("a {} is 1 to {} bytes of UTF-8 text without control characters", what,
                             kMaxNameBytes);
    }
  }
  return OkStatus();
}

}  // namespace

Status CheckId(std::string_view what, std::string_view id) {
  if (id.empty() || id.size() > kMaxIdBytes || !std::all_of(id.begin(), id.end(), IsIdChar)) {
    return InvalidArgument("'{}' is no {}: expected 1 to {} of A-Z a-z 0-9 . _ @ -",
                           SanitizeUtf8(id.substr(0, 2 * kMaxIdBytes)), what, kMaxIdBytes);
  }
  return OkStatus();
}

Status CheckUser(const store::v1::UserRecord& user) {
  RETURN_IF_ERROR(CheckId("user id", user.id()));
  if (user.clearance() == v1::CLASSIFICATION_UNSPECIFIED ||
      !v1::Classification_IsValid(static_cast<int>(user.clearance()))) {
    return InvalidArgument(
        "user {} has no clearance: give one of public, internal, confidential, secret", user.id());
  }
  RETURN_IF_ERROR(CheckNames("compartment", user.compartments()));
  return CheckNames("group", user.groups());
}

}  // namespace hadal::auth
