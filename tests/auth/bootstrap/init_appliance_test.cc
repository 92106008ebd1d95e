#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>

#include "auth/actions.h"
#include "auth/audit_log.h"
#include "auth/bootstrap.h"
#include "auth/identity_store.h"
#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

class InitApplianceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(temp_, TempDir::Create());
    data_ = temp_->path() + "/data";
  }
  std::string AdminKey() {
    std::string key = ReadFile(data_ + "/admin/admin.key").value_or("");
    if (key.ends_with('\n')) key.pop_back();
    return key;
  }
  void ExpectAdminWorks() {
    ASSERT_OK_AND_ASSIGN(const auto identities, IdentityStore::Open(data_ + "/auth", clock_));
    ASSERT_OK_AND_ASSIGN(const Principal admin, identities->Authenticate(AdminKey()));
    EXPECT_EQ(admin.user_id, "admin");
    EXPECT_EQ(admin.clearance, v1::CLASSIFICATION_SECRET);
    EXPECT_TRUE(admin.compartments.empty());
    EXPECT_TRUE(admin.groups.empty());
    EXPECT_TRUE(identities->Check(admin, actions::kUserCreate, "").allowed);
  }

  std::unique_ptr<TempDir> temp_;
  std::string data_;
  std::shared_ptr<SystemClock> clock_ = std::make_shared<SystemClock>();
};

TEST_F(InitApplianceTest, MakesEverythingOnceAndNothingTwice) {
  ASSERT_OK(InitAppliance(data_, {}, clock_));
  ExpectAdminWorks();
  struct stat st {};
  ASSERT_EQ(::stat((data_ + "/admin/admin.key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  for (const char* folder : {"", "/admin", "/auth", "/audit", "/pki"}) {
    ASSERT_EQ(::stat((data_ + folder).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700u) << folder;
  }
  ASSERT_OK_AND_ASSIGN(const auto verified, VerifyAuditFolder(data_ + "/audit"));
  EXPECT_THAT(verified.problems, ::testing::IsEmpty());
  const std::string key = AdminKey();
  ASSERT_OK(InitAppliance(data_, {}, clock_));
  EXPECT_EQ(AdminKey(), key);
}

TEST_F(InitApplianceTest, RunsBesideTheRunningApplianceButDoesNotReset) {
  ASSERT_OK(InitAppliance(data_, {}, clock_));
  ASSERT_OK_AND_ASSIGN(const auto running, IdentityStore::Open(data_ + "/auth", clock_));
  EXPECT_OK(InitAppliance(data_, {}, clock_));
  EXPECT_STATUS(InitAppliance(data_, {.reset_admin_key = true}, clock_), kFailedPrecondition,
                "stop the appliance");
}

TEST_F(InitApplianceTest, ALostKeyIsReplacedOnlyWhenAskedFor) {
  ASSERT_OK(InitAppliance(data_, {}, clock_));
  const std::string old_key = AdminKey();
  std::filesystem::remove(data_ + "/admin/admin.key");
  EXPECT_STATUS(InitAppliance(data_, {}, clock_), kFailedPrecondition, "--reset-admin-key");
  ASSERT_OK(InitAppliance(data_, {.reset_admin_key = true}, clock_));
  ExpectAdminWorks();
  ASSERT_OK_AND_ASSIGN(const auto identities, IdentityStore::Open(data_ + "/auth", clock_));
  EXPECT_FALSE(identities->Authenticate(old_key).ok());
}

TEST_F(InitApplianceTest, AnInterruptedRunIsCompletedByTheNext) {
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    std::filesystem::remove_all(data_);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) _exit(InitAppliance(data_, {}, clock_).ok() ? 0 : 1);
      ::usleep(static_cast<useconds_t>(random() % 60'000));
      ::kill(child, SIGKILL);
      int wait_status = 0;
      ASSERT_EQ(::waitpid(child, &wait_status, 0), child);
      ASSERT_FALSE(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0) << "seed " << seed;
    }
    ASSERT_OK(InitAppliance(data_, {}, clock_));
    ExpectAdminWorks();
  }
}

}  // namespace
}  // namespace hadal::auth
