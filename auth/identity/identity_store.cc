#include "auth/identity_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/acl/roles.h"
#include "auth/crypto/digest.h"
#include "auth/crypto/secret_file.h"
#include "auth/folder/folder_lock.h"
#include "auth/identity/identity_file.h"
#include "auth/identity/validation.h"
#include "auth/token/api_key.h"
#include "base/file.h"

namespace hadal::auth {
namespace {

constexpr size_t kDigestKeyBytes = 32;
constexpr size_t kMaxUsers = 100'000;
constexpr size_t kMaxKeys = 500'000;
constexpr size_t kMaxRoles = 1'000;
constexpr char kDigestKeyFile[] = "/key-digest.key";
constexpr char kIdentitiesFile[] = "/identities";

StatusOr<Secret> OpenDigestKey(const std::string& folder) {
  const std::string path = folder + kDigestKeyFile;
  StatusOr<Secret> key = ReadSecretFile(path);
  if (key.status().code() == StatusCode::kNotFound) {
    std::error_code ignored;
    if (std::filesystem::exists(folder + kIdentitiesFile, ignored)) {
      return DataLoss(
          "{} is missing but {}{} exists: without it no API key can be checked. Restore both from "
          "a backup of the same moment",
          path, folder, kIdentitiesFile);
    }
    key = RandomSecret(kDigestKeyBytes);
    if (key.ok()) RETURN_IF_ERROR(WriteSecretFile(path, *key));
  }
  if (key.ok() && key->size() != kDigestKeyBytes) {
    return DataLoss("{}: expected {} bytes, found {}; restore it from a backup", path,
                    kDigestKeyBytes, key->size());
  }
  return key;
}

Status RefusedCredential() {
  return Unauthenticated("the API key is missing, unknown, expired or revoked");
}

class FileIdentityStore final : public IdentityStore {
 public:
  FileIdentityStore(FolderLock lock, std::string path, Secret digest_key,
                    std::shared_ptr<const Clock> clock, IdentityState state)
      : folder_lock_(std::move(lock)),
        path_(std::move(path)),
        digest_key_(std::move(digest_key)),
        clock_(std::move(clock)),
        state_(std::make_shared<const IdentityState>(std::move(state))) {}

  StatusOr<Principal> Authenticate(std::string_view api_key) const override;
  Decision Check(const Principal& principal, std::string_view action,
                 std::string_view resource) const override;
  StatusOr<store::v1::UserRecord> CreateUser(const store::v1::UserRecord& user) override;
  std::vector<store::v1::UserRecord> ListUsers() const override;
  StatusOr<store::v1::UserRecord> RevokeUser(const std::string& id) override;
  StatusOr<NewKey> CreateKey(const std::string& user_id, int64_t expires_unix_ms) override;
  std::vector<store::v1::KeyRecord> ListKeys(const std::string& user_id) const override;
  StatusOr<store::v1::KeyRecord> RevokeKey(const std::string& id) override;
  StatusOr<store::v1::RoleRecord> CreateRole(const store::v1::RoleRecord& role) override;
  std::vector<std::pair<store::v1::RoleRecord, bool>> ListRoles() const override;
  Status RevokeRole(const std::string& id) override;

 private:
  std::shared_ptr<const IdentityState> state() const {
    absl::MutexLock lock(&state_mu_);
    return state_;
  }
  int64_t NowMs() const { return absl::ToUnixMillis(clock_->Now()); }
  /// Durable first, visible second: what a reader sees survives a crash.
  Status Publish(IdentityState next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  const FolderLock folder_lock_;
  const std::string path_;
  const Secret digest_key_;
  const std::shared_ptr<const Clock> clock_;
  absl::Mutex write_mu_;  // one change at a time, across its fsync; readers never wait for it
  mutable absl::Mutex state_mu_;
  std::shared_ptr<const IdentityState> state_ ABSL_GUARDED_BY(state_mu_);
};

Status FileIdentityStore::Publish(IdentityState next) {
  ++next.revision;
  RETURN_IF_ERROR(WriteFileAtomic(path_, EncodeIdentities(next, digest_key_), 0600));
  auto published = std::make_shared<const IdentityState>(std::move(next));
  absl::MutexLock lock(&state_mu_);
  state_ = std::move(published);
  return OkStatus();
}

StatusOr<Principal> FileIdentityStore::Authenticate(std::string_view api_key) const {
  const StatusOr<std::string> id = ApiKeyId(api_key);
  if (!id.ok()) return RefusedCredential();
  const auto now = state();
  const auto key = now->keys.find(*id);
  // The digest is computed and compared for unknown keys as well: the time tells nothing.
  const std::string digest = ApiKeyDigest(digest_key_, api_key);
  const std::string nothing(digest.size(), '\0');
  const bool match =
      ConstantTimeEquals(digest, key == now->keys.end() ? nothing : key->second.digest());
  if (!match || key == now->keys.end() || key->second.revoked()) return RefusedCredential();
  const int64_t expires = key->second.expires_unix_ms();
  if (expires != 0 && NowMs() >= expires) return RefusedCredential();
  const auto user = now->users.find(key->second.user_id());
  if (user == now->users.end() || user->second.disabled()) return RefusedCredential();

  const store::v1::UserRecord& record = user->second;
  return Principal{.user_id = record.id(),
                   .key_id = *id,
                   .clearance = record.clearance(),
                   .compartments = {record.compartments().begin(), record.compartments().end()},
                   .groups = {record.groups().begin(), record.groups().end()},
                   .roles = {record.roles().begin(), record.roles().end()}};
}

Decision FileIdentityStore::Check(const Principal& principal, std::string_view action,
                                  std::string_view resource) const {
  const auto now = state();
  // A stream outlives its authentication: what the principal was then must still be so.
  const auto user = now->users.find(principal.user_id);
  if (user == now->users.end() || user->second.disabled()) {
    return {.action = std::string(action),
            .resource = std::string(resource),
            .reason = fmt::format("{} denied: the user is unknown or disabled", action)};
  }
  const auto key = now->keys.find(principal.key_id);
  if (key == now->keys.end() || key->second.revoked()) {
    return {.action = std::string(action),
            .resource = std::string(resource),
            .reason = fmt::format("{} denied: the API key is unknown or revoked", action)};
  }
  Principal current = principal;
  current.roles.assign(user->second.roles().begin(), user->second.roles().end());
  return Decide(now->roles, current, action, resource);
}

StatusOr<store::v1::UserRecord> FileIdentityStore::CreateUser(const store::v1::UserRecord& user) {
  RETURN_IF_ERROR(CheckUser(user));
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  if (next.users.contains(user.id())) {
    return AlreadyExists("user {} exists already; ids are never used again", user.id());
  }
  if (next.users.size() >= kMaxUsers) {
    return ResourceExhausted("{} users exist, at most {} are possible", next.users.size(),
                             kMaxUsers);
  }
  store::v1::UserRecord record = user;
  if (record.roles().empty()) record.add_roles(std::string(kUserRole));
  for (const std::string& role : record.roles()) {
    if (!IsBuiltInRole(role) && !next.roles.contains(role)) {
      return InvalidArgument("there is no role '{}': see the list of roles", role);
    }
  }
  record.set_disabled(false);
  record.set_created_unix_ms(NowMs());
  next.users.emplace(record.id(), record);
  RETURN_IF_ERROR(Publish(std::move(next)));
  return record;
}

std::vector<store::v1::UserRecord> FileIdentityStore::ListUsers() const {
  const auto now = state();
  std::vector<store::v1::UserRecord> users;
  for (const auto& [id, user] : now->users) users.push_back(user);
  return users;
}

StatusOr<store::v1::UserRecord> FileIdentityStore::RevokeUser(const std::string& id) {
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  const auto user = next.users.find(id);
  if (user == next.users.end()) return NotFound("there is no user '{}'", id);
  const auto is_admin = [](const store::v1::UserRecord& record) {
    return !record.disabled() &&
           std::find(record.roles().begin(), record.roles().end(), kAdminRole) !=
               record.roles().end();
  };
  const auto admins = std::count_if(next.users.begin(), next.users.end(),
                                    [&](const auto& entry) { return is_admin(entry.second); });
  if (is_admin(user->second) && admins == 1) {
    return FailedPrecondition(
        "{} is the last administrator: create another one before revoking this one", id);
  }
  user->second.set_disabled(true);
  for (auto& [key_id, key] : next.keys) {
    if (key.user_id() == id) key.set_revoked(true);
  }
  const store::v1::UserRecord record = user->second;
  RETURN_IF_ERROR(Publish(std::move(next)));
  return record;
}

StatusOr<NewKey> FileIdentityStore::CreateKey(const std::string& user_id,
                                              int64_t expires_unix_ms) {
  ASSIGN_OR_RETURN(const ApiKey key, NewApiKey());
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  const auto user = next.users.find(user_id);
  if (user == next.users.end()) return NotFound("there is no user '{}'", user_id);
  if (user->second.disabled()) {
    return FailedPrecondition("user {} is revoked and can have no keys", user_id);
  }
  if (expires_unix_ms < 0 || (expires_unix_ms != 0 && expires_unix_ms <= NowMs())) {
    return InvalidArgument("the key would have expired already; expected a time to come, or 0");
  }
  if (next.keys.size() >= kMaxKeys) {
    return ResourceExhausted("{} keys exist, at most {} are possible", next.keys.size(), kMaxKeys);
  }
  NewKey made;
  made.record.set_id(key.id);
  made.record.set_user_id(user_id);
  made.record.set_digest(ApiKeyDigest(digest_key_, key.text.Reveal()));
  made.record.set_created_unix_ms(NowMs());
  made.record.set_expires_unix_ms(expires_unix_ms);
  made.secret = std::string(key.text.Reveal());
  if (!next.keys.emplace(key.id, made.record).second) {
    return Unavailable("the random key id is taken: try again");
  }
  RETURN_IF_ERROR(Publish(std::move(next)));
  return made;
}

std::vector<store::v1::KeyRecord> FileIdentityStore::ListKeys(const std::string& user_id) const {
  const auto now = state();
  std::vector<store::v1::KeyRecord> keys;
  for (const auto& [id, key] : now->keys) {
    if (user_id.empty() || key.user_id() == user_id) keys.push_back(key);
  }
  return keys;
}

StatusOr<store::v1::KeyRecord> FileIdentityStore::RevokeKey(const std::string& id) {
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  const auto key = next.keys.find(id);
  if (key == next.keys.end()) return NotFound("there is no key '{}'", id);
  key->second.set_revoked(true);
  const store::v1::KeyRecord record = key->second;
  RETURN_IF_ERROR(Publish(std::move(next)));
  return record;
}

StatusOr<store::v1::RoleRecord> FileIdentityStore::CreateRole(const store::v1::RoleRecord& role) {
  RETURN_IF_ERROR(CheckId("role id", role.id()));
  RETURN_IF_ERROR(CheckPermissions(role));
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  if (IsBuiltInRole(role.id()) || next.roles.contains(role.id())) {
    return AlreadyExists("role {} exists already", role.id());
  }
  if (next.roles.size() >= kMaxRoles) {
    return ResourceExhausted("{} roles exist, at most {} are possible", next.roles.size(),
                             kMaxRoles);
  }
  next.roles.emplace(role.id(), role);
  RETURN_IF_ERROR(Publish(std::move(next)));
  return role;
}

std::vector<std::pair<store::v1::RoleRecord, bool>> FileIdentityStore::ListRoles() const {
  std::vector<std::pair<store::v1::RoleRecord, bool>> roles;
  for (const store::v1::RoleRecord& role : BuiltInRoles()) roles.emplace_back(role, true);
  const auto now = state();
  for (const auto& [id, role] : now->roles) roles.emplace_back(role, false);
  return roles;
}

Status FileIdentityStore::RevokeRole(const std::string& id) {
  if (IsBuiltInRole(id)) return FailedPrecondition("role {} is built in and stays", id);
  absl::MutexLock lock(&write_mu_);
  IdentityState next = *state();
  if (next.roles.erase(id) == 0) return NotFound("there is no role '{}'", id);
  // Nobody keeps the name: a later role of the same id must not find members waiting for it.
  for (auto& [user_id, user] : next.users) {
    auto* roles = user.mutable_roles();
    roles->erase(std::remove(roles->begin(), roles->end(), id), roles->end());
  }
  return Publish(std::move(next));
}

}  // namespace

StatusOr<std::unique_ptr<IdentityStore>> IdentityStore::Open(const std::string& folder,
                                                             std::shared_ptr<const Clock> clock) {
  RETURN_IF_ERROR(MakeDirectories(folder, 0700));
  if (::chmod(folder.c_str(), 0700) != 0) return ErrnoStatus("cannot chmod", folder);
  ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Acquire(folder));
  ASSIGN_OR_RETURN(Secret digest_key, OpenDigestKey(folder));
  const std::string path = folder + kIdentitiesFile;
  IdentityState state;
  const StatusOr<std::string> bytes = ReadFile(path);
  if (bytes.ok()) {
    StatusOr<IdentityState> decoded = DecodeIdentities(*bytes, digest_key);
    if (!decoded.ok()) {
      return Annotate(decoded.status(), fmt::format("{} (restore it from a backup)", path));
    }
    state = *std::move(decoded);
  } else if (bytes.status().code() != StatusCode::kNotFound) {
    return bytes.status();
  }
  return std::unique_ptr<IdentityStore>(
      new FileIdentityStore(std::move(lock), path, std::move(digest_key), std::move(clock),
                            std::move(state)));
}

}  // namespace hadal::auth
