#include "auth/acl/roles.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "auth/actions.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

Principal WithRoles(std::vector<std::string> roles) {
  Principal principal;
  principal.user_id = "u-1";
  principal.roles = std::move(roles);
  return principal;
}

// The table of auth/README.md, the other way round: who may do what, and nothing else.
TEST(Roles, BuiltInRolesGrantExactlyTheDocumentedActions) {
  const std::set<std::string_view> user = {"assistant.ask",    "model.chat",     "model.embed",
                                           "model.list",       "knowledge.search",
                                           "knowledge.list",   "status.read"};
  std::set<std::string_view> curator = user;
  curator.insert({"knowledge.create", "knowledge.delete", "knowledge.add", "knowledge.remove"});
  const std::map<std::string, std::set<std::string_view>> granted = {
      {"user", user},
      {"curator", curator},
      {"auditor",
       {"audit.list", "audit.verify", "audit.export", "audit.prove", "status.read"}},
      {"admin", {actions::kAll.begin(), actions::kAll.end()}}};
  for (const auto& [role, allowed] : granted) {
    for (const std::string_view action : actions::kAll) {
      EXPECT_EQ(Decide({}, WithRoles({role}), action, "").allowed, allowed.contains(action))
          << role << " " << action;
    }
  }
  EXPECT_EQ(BuiltInRoles().size(), granted.size());
}

TEST(Roles, DenyByDefault) {
  EXPECT_FALSE(Decide({}, WithRoles({}), actions::kAssistantAsk, "").allowed);
  EXPECT_FALSE(Decide({}, WithRoles({"no-such-role"}), actions::kAssistantAsk, "").allowed);
  for (const char* action : {"", "assistant", "assistant.", "assistant.*", "assistant.ask ", "*",
                             "Assistant.ask", "audit.erase"}) {
    EXPECT_FALSE(Decide({}, WithRoles({"admin"}), action, "").allowed) << action;
  }
}

TEST(Roles, DecisionsSayWhatDetermined) {
  store::v1::RoleRecord custom;
  custom.set_id("searcher");
  custom.add_permissions("knowledge.*");
  const RoleMap roles = {{"searcher", custom}};
  const Decision yes =
      Decide(roles, WithRoles({"searcher", "user"}), actions::kKnowledgeSearch, "kb1");
  EXPECT_TRUE(yes.allowed);
  EXPECT_EQ(yes.action, "knowledge.search");
  EXPECT_EQ(yes.resource, "kb1");
  EXPECT_EQ(yes.determining, (std::vector<std::string>{"role:searcher:knowledge.*",
                                                       "role:user:knowledge.search"}));
  const Decision no = Decide(roles, WithRoles({"searcher"}), actions::kUserCreate, "u");
  EXPECT_FALSE(no.allowed);
  EXPECT_THAT(no.reason, ::testing::HasSubstr("no role of u-1 grants it (roles: searcher)"));
}

TEST(Roles, PermissionsMustBeActions) {
  for (const char* bad : {"", "*", "knowledge", "knowledge.", "knowledge.read", "nothing.*",
                          "knowledge.**", ".*"}) {
    store::v1::RoleRecord role;
    role.set_id("r");
    role.add_permissions(bad);
    EXPECT_STATUS(CheckPermissions(role), kInvalidArgument, "is no permission");
  }
  store::v1::RoleRecord role;
  role.set_id("r");
  EXPECT_STATUS(CheckPermissions(role), kInvalidArgument, "grants nothing");
  role.add_permissions("audit.*");
  role.add_permissions("assistant.ask");
  EXPECT_OK(CheckPermissions(role));
}

}  // namespace
}  // namespace hadal::auth
