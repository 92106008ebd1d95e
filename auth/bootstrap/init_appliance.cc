#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "auth/acl/roles.h"
#include "auth/audit_log.h"
#include "auth/bootstrap.h"
#include "auth/crypto/secret_file.h"
#include "auth/identity_store.h"
#include "auth/mtls/pki.h"
#include "base/file.h"
#include "base/log.h"

namespace hadal::auth {
namespace {

constexpr char kAdminUser[] = "admin";

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Status MakePrivateFolder(const std::string& path) {
  RETURN_IF_ERROR(MakeDirectories(path, 0700));
  if (::chmod(path.c_str(), 0700) != 0) return ErrnoStatus("cannot chmod", path);
  return OkStatus();
}

Status EnsureAdminUser(IdentityStore& identities) {
  store::v1::UserRecord admin;
  admin.set_id(kAdminUser);
  admin.set_clearance(v1::CLASSIFICATION_SECRET);
  admin.add_roles(std::string(kAdminRole));
  const Status created = identities.CreateUser(admin).status();
  return created.code() == StatusCode::kAlreadyExists ? OkStatus() : created;
}

// Whether the key file holds a key that works.
bool AdminKeyWorks(const IdentityStore& identities, const std::string& path) {
  const StatusOr<Secret> text = ReadSecretFile(path);
  if (!text.ok()) return false;
  std::string_view key = text->Reveal();
  if (key.ends_with('\n')) key.remove_suffix(1);
  const StatusOr<Principal> principal = identities.Authenticate(key);
  return principal.ok() && principal->user_id == kAdminUser;
}

Status MakeAdminKey(IdentityStore& identities, const std::string& path) {
  const std::vector<store::v1::KeyRecord> old_keys = identities.ListKeys(kAdminUser);
  ASSIGN_OR_RETURN(NewKey made, identities.CreateKey(kAdminUser, /*expires_unix_ms=*/0));
  std::string line = made.secret + "\n";
  const Secret text(line);
  WipeMemory(line.data(), line.size());
  WipeMemory(made.secret.data(), made.secret.size());
  RETURN_IF_ERROR(WriteSecretFile(path, text));
  // Only now: until the new key is in its file, the old one must go on working.
  for (const store::v1::KeyRecord& key : old_keys) {
    if (!key.revoked()) RETURN_IF_ERROR(identities.RevokeKey(key.id()).status());
  }
  return OkStatus();
}

Status EnsureAdmin(const std::string& data_folder, bool initialised, const InitOptions& options,
                   std::shared_ptr<const Clock> clock) {
  const std::string key_path = data_folder + "/admin/admin.key";
  ASSIGN_OR_RETURN(const auto identities,
                   IdentityStore::Open(data_folder + "/auth", std::move(clock)));
  RETURN_IF_ERROR(EnsureAdminUser(*identities));
  if (!options.reset_admin_key && AdminKeyWorks(*identities, key_path)) return OkStatus();
  if (initialised && !options.reset_admin_key) {
    return FailedPrecondition(
        "{} is missing or not a working key of the user {}: run `hadal-gateway init --data {} "
        "--reset-admin-key` to replace it",
        key_path, kAdminUser, data_folder);
  }
  return MakeAdminKey(*identities, key_path);
}

}  // namespace

Status InitAppliance(const std::string& data_folder, const InitOptions& options,
                     std::shared_ptr<const Clock> clock) {
  const std::string admin_folder = data_folder + "/admin";
  const std::string done = admin_folder + "/initialised";
  RETURN_IF_ERROR(MakePrivateFolder(data_folder));
  RETURN_IF_ERROR(EnsureAppliancePki(data_folder + "/pki", options.gateway_names, *clock));
  const bool initialised = Exists(done);
  // A running appliance holds the identities and the log locked, and needs nothing more of us.
  if (initialised && !options.reset_admin_key && Exists(admin_folder + "/admin.key")) {
    return OkStatus();
  }
  RETURN_IF_ERROR(MakePrivateFolder(admin_folder));
  RETURN_IF_ERROR(EnsureAdmin(data_folder, initialised, options, std::move(clock)));
  if (initialised) return OkStatus();
  AuditLogOptions audit;
  audit.folder = data_folder + "/audit";
  RETURN_IF_ERROR(AuditLog::Open(audit).status());
  RETURN_IF_ERROR(WriteFileAtomic(done, "1\n", 0600));
  LogInfo("appliance initialised in {}; the administrator's key is {}/admin.key", data_folder,
          admin_folder);
  return OkStatus();
}

}  // namespace hadal::auth
