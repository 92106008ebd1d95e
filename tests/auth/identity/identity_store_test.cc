#include "auth/identity_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "auth/actions.h"
#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

store::v1::UserRecord MakeUser(const std::string& id, std::vector<std::string> roles = {}) {
  store::v1::UserRecord user;
  user.set_id(id);
  user.set_clearance(v1::CLASSIFICATION_INTERNAL);
  for (const std::string& role : roles) user.add_roles(role);
  return user;
}

class IdentityStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(temp_, TempDir::Create());
    folder_ = temp_->path() + "/auth";
    Reopen();
  }
  void Reopen() {
    store_.reset();
    auto store = IdentityStore::Open(folder_, clock_);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  std::string KeyOf(const std::string& user, int64_t expires = 0) {
    auto key = store_->CreateKey(user, expires);
    EXPECT_OK(key);
    return key.ok() ? key->secret : "";
  }

  std::unique_ptr<TempDir> temp_;
  std::string folder_;
  std::shared_ptr<FakeClock> clock_ =
      std::make_shared<FakeClock>(absl::FromUnixSeconds(1'795'000'000));
  std::unique_ptr<IdentityStore> store_;
};

TEST_F(IdentityStoreTest, UsersAndKeysSurviveReopening) {
  store::v1::UserRecord user = MakeUser("alice@example.org");
  user.add_compartments("grid");
  user.add_groups("能源");
  ASSERT_OK_AND_ASSIGN(const auto created, store_->CreateUser(user));
  EXPECT_EQ(created.roles(0), "user");
  EXPECT_EQ(created.created_unix_ms(), 1'795'000'000'000);
  const std::string key = KeyOf("alice@example.org");
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Principal principal, store_->Authenticate(key));
  EXPECT_EQ(principal.user_id, "alice@example.org");
  EXPECT_EQ(principal.clearance, v1::CLASSIFICATION_INTERNAL);
  EXPECT_EQ(principal.compartments, std::vector<std::string>{"grid"});
  EXPECT_EQ(principal.groups, std::vector<std::string>{"能源"});
  EXPECT_EQ(principal.roles, std::vector<std::string>{"user"});
  EXPECT_TRUE(store_->Check(principal, actions::kAssistantAsk, "kb").allowed);
  EXPECT_FALSE(store_->Check(principal, actions::kUserCreate, "").allowed);
}

TEST_F(IdentityStoreTest, EveryRefusalReadsTheSame) {
  ASSERT_OK(store_->CreateUser(MakeUser("bob")));
  ASSERT_OK(store_->CreateUser(MakeUser("eve")));
  const std::string good = KeyOf("bob");
  const int64_t soon = absl::ToUnixMillis(clock_->Now()) + 1000;
  const std::string expiring = KeyOf("bob", soon);
  ASSERT_OK_AND_ASSIGN(const NewKey revoked, store_->CreateKey("bob", 0));
  ASSERT_OK(store_->RevokeKey(revoked.record.id()));
  const std::string disabled = KeyOf("eve");
  ASSERT_OK(store_->RevokeUser("eve"));
  EXPECT_OK(store_->Authenticate(expiring));
  clock_->Advance(absl::Seconds(1));

  // A well-formed key of another appliance.
  ASSERT_OK_AND_ASSIGN(const auto other_folder, TempDir::Create());
  ASSERT_OK_AND_ASSIGN(const auto other, IdentityStore::Open(other_folder->path(), clock_));
  ASSERT_OK(other->CreateUser(MakeUser("bob")));
  ASSERT_OK_AND_ASSIGN(const NewKey unknown, other->CreateKey("bob", 0));

  const Status reference = store_->Authenticate("").status();
  EXPECT_EQ(reference.code(), StatusCode::kUnauthenticated);
  for (const std::string& key : {std::string("x"), good + "a", good.substr(1), expiring,
                                 revoked.secret, disabled, unknown.secret}) {
    EXPECT_EQ(store_->Authenticate(key).status(), reference);
  }
  EXPECT_OK(store_->Authenticate(good));
}

TEST_F(IdentityStoreTest, RevocationHoldsAtOnceAlsoForWhoIsIn) {
  ASSERT_OK(store_->CreateUser(MakeUser("bob")));
  ASSERT_OK_AND_ASSIGN(const NewKey key, store_->CreateKey("bob", 0));
  ASSERT_OK_AND_ASSIGN(const Principal principal, store_->Authenticate(key.secret));
  EXPECT_TRUE(store_->Check(principal, actions::kAssistantAsk, "").allowed);
  ASSERT_OK(store_->RevokeKey(key.record.id()));
  const Decision after_key = store_->Check(principal, actions::kAssistantAsk, "");
  EXPECT_FALSE(after_key.allowed);
  EXPECT_THAT(after_key.reason, ::testing::HasSubstr("key"));
  ASSERT_OK(store_->RevokeUser("bob"));
  EXPECT_FALSE(store_->Check(principal, actions::kAssistantAsk, "").allowed);
  EXPECT_STATUS(store_->CreateKey("bob", 0), kFailedPrecondition, "revoked");
  Reopen();
  EXPECT_FALSE(store_->Authenticate(key.secret).ok());
  EXPECT_TRUE(store_->ListKeys("bob")[0].revoked());
  EXPECT_TRUE(store_->ListUsers()[0].disabled());
}

TEST_F(IdentityStoreTest, RolesOfOnesOwnGrantAndAreTakenBack) {
  store::v1::RoleRecord role;
  role.set_id("librarian");
  role.add_permissions("knowledge.*");
  ASSERT_OK(store_->CreateRole(role));
  EXPECT_STATUS(store_->CreateRole(role), kAlreadyExists, "librarian");
  role.set_id("admin");
  EXPECT_STATUS(store_->CreateRole(role), kAlreadyExists, "admin");
  ASSERT_OK(store_->CreateUser(MakeUser("lib", {"librarian"})));
  const std::string key = KeyOf("lib");
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Principal principal, store_->Authenticate(key));
  EXPECT_TRUE(store_->Check(principal, actions::kKnowledgeDelete, "").allowed);
  EXPECT_FALSE(store_->Check(principal, actions::kAssistantAsk, "").allowed);
  EXPECT_EQ(store_->ListRoles().size(), 5u);
  EXPECT_TRUE(store_->ListRoles()[0].second);
  EXPECT_FALSE(store_->ListRoles()[4].second);

  ASSERT_OK(store_->RevokeRole("librarian"));
  EXPECT_FALSE(store_->Check(principal, actions::kKnowledgeDelete, "").allowed);
  // A role of that name made again has no members from before.
  role.set_id("librarian");
  ASSERT_OK(store_->CreateRole(role));
  EXPECT_FALSE(store_->Check(principal, actions::kKnowledgeDelete, "").allowed);
  EXPECT_STATUS(store_->RevokeRole("user"), kFailedPrecondition, "built in");
  EXPECT_STATUS(store_->RevokeRole("nobody"), kNotFound, "nobody");
}

TEST_F(IdentityStoreTest, TheLastAdministratorStays) {
  ASSERT_OK(store_->CreateUser(MakeUser("admin", {"admin"})));
  EXPECT_STATUS(store_->RevokeUser("admin"), kFailedPrecondition, "last administrator");
  ASSERT_OK(store_->CreateUser(MakeUser("root2", {"admin"})));
  EXPECT_OK(store_->RevokeUser("admin"));
  EXPECT_STATUS(store_->RevokeUser("root2"), kFailedPrecondition, "last administrator");
}

TEST_F(IdentityStoreTest, RefusesWhatIsMalformed) {
  for (const char* id : {"", "a b", "a/b", "用户", "a\n", "a\xff"}) {
    EXPECT_STATUS(store_->CreateUser(MakeUser(id)), kInvalidArgument, "is no user id");
  }
  EXPECT_STATUS(store_->CreateUser(MakeUser(std::string(65, 'a'))), kInvalidArgument, "user id");
  EXPECT_OK(store_->CreateUser(MakeUser(std::string(64, 'a'))));
  store::v1::UserRecord user = MakeUser("u");
  user.set_clearance(v1::CLASSIFICATION_UNSPECIFIED);
  EXPECT_STATUS(store_->CreateUser(user), kInvalidArgument, "clearance");
  user.set_clearance(static_cast<v1::Classification>(9));
  EXPECT_STATUS(store_->CreateUser(user), kInvalidArgument, "clearance");
  user = MakeUser("u", {"ghost"});
  EXPECT_STATUS(store_->CreateUser(user), kInvalidArgument, "no role 'ghost'");
  user = MakeUser("u");
  user.add_groups("");
  EXPECT_STATUS(store_->CreateUser(user), kInvalidArgument, "group");
  EXPECT_STATUS(store_->CreateKey("nobody", 0), kNotFound, "nobody");
  ASSERT_OK(store_->CreateUser(MakeUser("u")));
  EXPECT_STATUS(store_->CreateUser(MakeUser("u")), kAlreadyExists, "u");
  EXPECT_STATUS(store_->CreateKey("u", 1), kInvalidArgument, "expired");
  EXPECT_STATUS(store_->CreateKey("u", -1), kInvalidArgument, "expired");
  EXPECT_STATUS(store_->RevokeKey("zz"), kNotFound, "zz");
}

TEST_F(IdentityStoreTest, KeepsNoSecretAndGuardsItsFiles) {
  ASSERT_OK(store_->CreateUser(MakeUser("bob")));
  const std::string key = KeyOf("bob");
  struct stat st {};
  ASSERT_EQ(::stat(folder_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(entry.path()));
    EXPECT_EQ(content.find(key.substr(23, 20)), std::string::npos) << entry.path();
    ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u) << entry.path();
  }
  EXPECT_STATUS(IdentityStore::Open(folder_, clock_), kFailedPrecondition, "in use");
  store_.reset();
  std::filesystem::rename(folder_ + "/key-digest.key", folder_ + "/away");
  EXPECT_STATUS(IdentityStore::Open(folder_, clock_), kDataLoss, "backup");
  ASSERT_OK(WriteFileAtomic(folder_ + "/key-digest.key", std::string(32, 'x'), 0600));
  EXPECT_STATUS(IdentityStore::Open(folder_, clock_), kDataLoss, "seal");
}

TEST_F(IdentityStoreTest, ReadersAndWritersAtOnce) {
  ASSERT_OK(store_->CreateUser(MakeUser("bob")));
  const std::string key = KeyOf("bob");
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_OK(store_->CreateUser(MakeUser(fmt::format("user-{}-{}", t, i))));
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        const auto principal = store_->Authenticate(key);
        ASSERT_OK(principal);
        EXPECT_TRUE(store_->Check(*principal, actions::kModelChat, "").allowed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->ListUsers().size(), 31u);
  Reopen();
  EXPECT_EQ(store_->ListUsers().size(), 31u);
}

}  // namespace
}  // namespace hadal::auth
