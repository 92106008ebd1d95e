#include "ops/cli/principals.h"

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "hadal/v1/admin.grpc.pb.h"
#include "ops/cli/labels.h"

namespace hadal::cli {
namespace {

constexpr size_t kMaxUsersBytes = size_t{16} << 20;
constexpr absl::Duration kKeyLife = absl::Hours(24);

StatusOr<v1::User> UserOf(const nlohmann::json& line) {
  const auto strings = [&](const char* name) {
    return line.value(name, std::vector<std::string>());
  };
  v1::User user;
  user.set_id(line.value("id", ""));
  ASSIGN_OR_RETURN(const v1::Classification clearance,
                   ParseClassification(line.value("clearance", "")));
  user.set_clearance(clearance);
  for (const std::string& name : strings("compartments")) user.add_compartments(name);
  for (const std::string& name : strings("groups")) user.add_groups(name);
  return user;
}

StatusOr<std::set<std::string>> KnownUsers(const Invocation& invocation) {
  ASSIGN_OR_RETURN(
      const v1::ListUsersResponse response,
      Call<v1::Admin>(invocation, &v1::Admin::Stub::ListUsers, v1::ListUsersRequest()));
  std::set<std::string> known;
  for (const v1::User& user : response.users()) known.insert(user.id());
  return known;
}

Status CreateMissing(const Invocation& invocation, const std::string& path,
                     std::set<std::string>& known) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxUsersBytes));
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string text = content.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    StatusOr<v1::User> user = InvalidArgument("expected a JSON object");
    try {
      if (line.is_object()) user = UserOf(line);
    } catch (const nlohmann::json::exception& error) {  // a member of another type
      user = InvalidArgument("{}", error.what());
    }
    if (!user.ok()) return Annotate(user.status(), fmt::format("{}, line {}", path, number));
    if (known.contains(user->id())) continue;
    v1::CreateUserRequest request;
    *request.mutable_user() = *user;
    RETURN_IF_ERROR(Call<v1::Admin>(invocation, &v1::Admin::Stub::CreateUser, request).status());
    known.insert(user->id());
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Principals>> Principals::Open(const Invocation& invocation,
                                                       const std::set<std::string>& ids,
                                                       const std::string& users_file) {
  std::unique_ptr<Principals> principals(new Principals(invocation));
  ASSIGN_OR_RETURN(principals->connections_[""], Connection::Open(invocation));
  if (ids.empty() || *ids.rbegin() == "") return principals;
  ASSIGN_OR_RETURN(std::set<std::string> known, KnownUsers(invocation));
  if (!users_file.empty()) RETURN_IF_ERROR(CreateMissing(invocation, users_file, known));
  for (const std::string& id : ids) {
    if (id.empty()) continue;
    if (!known.contains(id)) {
      return NotFound(
          "the appliance has no user '{}': create him ('hadal user create'), or give --principals "
          "with a file that says what he may read",
          id);
    }
    RETURN_IF_ERROR(principals->Add(id));
  }
  return principals;
}

Status Principals::Add(const std::string& id) {
  v1::CreateKeyRequest request;
  request.set_user_id(id);
  request.set_expires_unix_ms(absl::ToUnixMillis(absl::Now() + kKeyLife));
  ASSIGN_OR_RETURN(const v1::CreateKeyResponse key,
                   Call<v1::Admin>(invocation_, &v1::Admin::Stub::CreateKey, request));
  key_ids_.insert(key.key().id());
  ASSIGN_OR_RETURN(connections_[id], Connection::OpenAs(invocation_, key.secret()));
  return OkStatus();
}

Principals::~Principals() {
  for (const std::string& id : key_ids_) {
    v1::RevokeKeyRequest request;
    request.set_id(id);
    const Status revoked =
        Call<v1::Admin>(invocation_, &v1::Admin::Stub::RevokeKey, request).status();
    if (!revoked.ok()) LogWarning("key {} was not revoked: {}", id, StatusMessage(revoked));
  }
}

}  // namespace hadal::cli
