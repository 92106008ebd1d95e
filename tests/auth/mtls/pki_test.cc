#include "auth/mtls/pki.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "auth/crypto/secret_file.h"
#include "auth/crypto/x509.h"
#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'795'000'000);

class PkiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(temp_, TempDir::Create());
    folder_ = temp_->path() + "/pki";
  }
  std::string Read(const std::string& name) { return ReadFile(folder_ + "/" + name).value_or(""); }
  std::map<std::string, std::string> Everything() {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      files[entry.path().filename()] = Read(entry.path().filename());
    }
    return files;
  }
  void ExpectAllGood(absl::Time now) {
    for (const std::string_view service : kPkiServices) {
      const std::string pem = Read(fmt::format("{}.pem", service));
      const std::vector<std::string> hosts = {fmt::format("hadal-{}", service), "localhost",
                                              "127.0.0.1", "::1"};
      for (const std::string& host : hosts) {
        EXPECT_OK(VerifyCertificate(pem, Read("ca.pem"), now, host));
      }
      EXPECT_TRUE(KeyMatchesCertificate(Secret(Read(fmt::format("{}.key", service))), pem));
    }
  }

  std::unique_ptr<TempDir> temp_;
  std::string folder_;
  FakeClock clock_{kStart};
};

TEST_F(PkiTest, MakesChainsThatVerifyForTheirNamesOnly) {
  ASSERT_OK(EnsureAppliancePki(folder_, {"hadal.bank.example", "10.1.2.3"}, clock_));
  ExpectAllGood(kStart);
  const std::string ca = Read("ca.pem");
  EXPECT_OK(VerifyCertificate(Read("gateway.pem"), ca, kStart, "hadal.bank.example"));
  EXPECT_OK(VerifyCertificate(Read("gateway.pem"), ca, kStart, "10.1.2.3"));
  EXPECT_STATUS(VerifyCertificate(Read("retrieval.pem"), ca, kStart, "hadal-gateway"),
                kFailedPrecondition, "does not name");
  EXPECT_STATUS(VerifyCertificate(Read("retrieval.pem"), ca, kStart, "hadal.bank.example"),
                kFailedPrecondition, "does not name");
  EXPECT_STATUS(VerifyCertificate(Read("gateway.pem"), ca, kStart + absl::Hours(24 * 1100)),
                kFailedPrecondition, "expired");
  EXPECT_STATUS(VerifyCertificate(Read("gateway.pem"), Read("inference.pem"), kStart),
                kFailedPrecondition, "refused");
  ASSERT_OK_AND_ASSIGN(const auto info, ReadCertificate(Read("inference.pem")));
  EXPECT_EQ(info.common_name, "hadal-inference");
  EXPECT_EQ(info.names,
            (std::vector<std::string>{"hadal-inference", "localhost", "127.0.0.1", "::1"}));
}

TEST_F(PkiTest, KeysAreForTheOwnerOnly) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  struct stat st {};
  ASSERT_EQ(::stat(folder_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  for (const char* name : {"ca.key", "gateway.key", "retrieval.key", "inference.key"}) {
    ASSERT_EQ(::stat((folder_ + "/" + name).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u) << name;
  }
}

TEST_F(PkiTest, SecondRunChangesNothing) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  const auto before = Everything();
  clock_.Advance(absl::Hours(24 * 900));
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  EXPECT_EQ(Everything(), before);
}

TEST_F(PkiTest, RenewsSoonExpiringLeavesUnderTheirKeys) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  const auto before = Everything();
  clock_.Advance(absl::Hours(24 * 1020));
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  const auto after = Everything();
  EXPECT_EQ(after.at("ca.pem"), before.at("ca.pem"));
  EXPECT_EQ(after.at("gateway.key"), before.at("gateway.key"));
  EXPECT_NE(after.at("gateway.pem"), before.at("gateway.pem"));
  ExpectAllGood(kStart + absl::Hours(24 * 1500));
}

TEST_F(PkiTest, IssuesAnewWhenANameIsAdded) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  const auto before = Everything();
  ASSERT_OK(EnsureAppliancePki(folder_, {"new.example"}, clock_));
  const auto after = Everything();
  EXPECT_NE(after.at("gateway.pem"), before.at("gateway.pem"));
  EXPECT_EQ(after.at("retrieval.pem"), before.at("retrieval.pem"));
  EXPECT_STATUS(EnsureAppliancePki(folder_, {"a,DNS:b"}, clock_), kInvalidArgument, "DNS name");
}

TEST_F(PkiTest, RemakesAnExpiredCa) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  const std::string old_ca = Read("ca.pem");
  clock_.Advance(absl::Hours(24 * 4000));
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  EXPECT_NE(Read("ca.pem"), old_ca);
  ExpectAllGood(clock_.Now());
}

// The state after a crash before any one of the eight files was written, and with it damaged.
TEST_F(PkiTest, CompletesEveryHalfMadePki) {
  const std::vector<std::string> order = {"ca.key",        "ca.pem",        "gateway.key",
                                          "gateway.pem",   "retrieval.key", "retrieval.pem",
                                          "inference.key", "inference.pem"};
  for (size_t made = 0; made < order.size(); ++made) {
    std::filesystem::remove_all(folder_);
    ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
    for (size_t i = made; i < order.size(); ++i) std::filesystem::remove(folder_ + "/" + order[i]);
    SCOPED_TRACE(order[made]);
    ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
    ExpectAllGood(kStart);
  }
  for (size_t damaged = 2; damaged < order.size(); ++damaged) {
    SCOPED_TRACE(order[damaged]);
    ASSERT_OK(WriteSecretFile(folder_ + "/" + order[damaged], Secret("garbage")));
    ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
    ExpectAllGood(kStart);
  }
}

TEST_F(PkiTest, WorksWithTheCaKeyKeptElsewhereUntilSomethingMustBeIssued) {
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  std::filesystem::remove(folder_ + "/ca.key");
  const auto before = Everything();
  ASSERT_OK(EnsureAppliancePki(folder_, {}, clock_));
  EXPECT_EQ(Everything(), before);
  std::filesystem::remove(folder_ + "/retrieval.pem");
  EXPECT_STATUS(EnsureAppliancePki(folder_, {}, clock_), kFailedPrecondition, "ca.key");
  std::filesystem::remove(folder_ + "/ca.pem");
  EXPECT_STATUS(EnsureAppliancePki(folder_, {}, clock_), kFailedPrecondition, "ca.pem");
}

}  // namespace
}  // namespace hadal::auth
