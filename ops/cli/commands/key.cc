#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "hadal/v1/admin.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

void Print(const Invocation& invocation, const std::vector<v1::Key>& keys, bool one) {
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::Key& key : keys) {
    json.push_back({{"id", key.id()},
                    {"user", key.user_id()},
                    {"revoked", key.revoked()},
                    {"created_unix_ms", key.created_unix_ms()},
                    {"expires_unix_ms", key.expires_unix_ms()}});
    rows.push_back({key.id(), key.user_id(), key.revoked() ? "revoked" : "active",
                    FormatTime(key.created_unix_ms()), FormatTime(key.expires_unix_ms())});
  }
  if (invocation.json) {
    PrintJson(one ? json[0] : nlohmann::json{{"keys", json}});
  } else {
    PrintTable({"ID", "USER", "STATE", "CREATED (UTC)", "EXPIRES (UTC)"}, rows);
  }
}

Status RunCreate(const Invocation& invocation, const std::string& user, int days) {
  v1::CreateKeyRequest request;
  request.set_user_id(user);
  if (days > 0)
    request.set_expires_unix_ms(absl::ToUnixMillis(absl::Now() + absl::Hours(24) * days));
  ASSIGN_OR_RETURN(const v1::CreateKeyResponse response,
                   Call<v1::Admin>(invocation, &v1::Admin::Stub::CreateKey, request));
  if (invocation.json) {
    PrintJson({{"id", response.key().id()}, {"key", response.secret()}});
  } else {
    std::printf("%s\n", response.secret().c_str());
    std::fprintf(stderr, "This is the only time the key is shown. Its id is %s.\n",
                 response.key().id().c_str());
  }
  return OkStatus();
}

Status RunLs(const Invocation& invocation, const std::string& user) {
  v1::ListKeysRequest request;
  request.set_user_id(user);
  ASSIGN_OR_RETURN(const v1::ListKeysResponse response,
                   Call<v1::Admin>(invocation, &v1::Admin::Stub::ListKeys, request));
  Print(invocation, {response.keys().begin(), response.keys().end()}, false);
  return OkStatus();
}

Status RunRevoke(const Invocation& invocation, const std::string& id) {
  v1::RevokeKeyRequest request;
  request.set_id(id);
  ASSIGN_OR_RETURN(const v1::Key key,
                   Call<v1::Admin>(invocation, &v1::Admin::Stub::RevokeKey, request));
  Print(invocation, {key}, true);
  return OkStatus();
}

}  // namespace

void AddKey(CLI::App& app, Invocation& invocation) {
  CLI::App* key = app.add_subcommand("key", "API keys");
  key->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  auto days = std::make_shared<int>(0);

  CLI::App* create = key->add_subcommand("create", "Make a key for a user; it is shown once");
  create->add_option("--user", *name, "Owner")->required();
  create->add_option("--expires-days", *days, "Days until it expires (default: never)")
      ->check(CLI::Range(1, 36500));
  create->footer("Example:\n  hadal key create --user li.wei -o json");
  create->callback([&invocation, name, days] {
    invocation.run = [&invocation, name, days] { return RunCreate(invocation, *name, *days); };
  });

  CLI::App* ls = key->add_subcommand("ls", "List keys, never their secrets");
  ls->add_option("--user", *name, "Only this owner's");
  ls->footer("Example:\n  hadal key ls --user li.wei");
  ls->callback([&invocation, name] {
    invocation.run = [&invocation, name] { return RunLs(invocation, *name); };
  });

  CLI::App* revoke = key->add_subcommand("revoke", "Make a key worthless from the next request on");
  revoke->add_option("ID", *name, "The key's id")->required();
  revoke->footer("Example:\n  hadal key revoke 3f9a01c2");
  revoke->callback([&invocation, name] {
    invocation.run = [&invocation, name] { return RunRevoke(invocation, *name); };
  });
}

}  // namespace hadal::cli
