#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "auth/audit_log.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/subprocess.h"
#include "services/verify/report.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::verify {
namespace {

struct Outcome {
  int exit_status = -1;
  std::string output;
};

/// The real program on a real log.
class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(temp_, TempDir::Create());
    folder_ = temp_->path() + "/audit";
    auth::AuditLogOptions options;
    options.folder = folder_;
    options.min_free_bytes = 0;
    ASSERT_OK_AND_ASSIGN(const auto log, auth::AuditLog::Open(options));
    store::v1::AuditRecord record;
    record.set_method("hadal.v1.Assistant/Ask");
    for (int i = 0; i < 3; ++i) ASSERT_OK(log->Append(record));
    ASSERT_OK_AND_ASSIGN(const auto proof, log->ProveInclusion(0));
    root_hash_ = HexEncode(proof.root_hash);
  }
  Outcome Run(std::vector<std::string> arguments) {
    const std::string out = temp_->path() + "/out";
    UniqueFd fd(::open(out.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    arguments.insert(arguments.begin(), BinaryPath("hadal-verify"));
    auto process = Subprocess::Start(
        {.argv = arguments, .env = {}, .stdout_fd = fd.get(), .stderr_fd = fd.get()});
    if (!process.ok()) return {};
    const auto status = process->Wait();
    return {WIFEXITED(*status) ? WEXITSTATUS(*status) : -1, ReadFile(out).value_or("")};
  }

  std::unique_ptr<TempDir> temp_;
  std::string folder_;
  std::string root_hash_;
};

TEST_F(VerifyTest, ReportsAGoodLog) {
  const Outcome table = Run({folder_});
  EXPECT_EQ(table.exit_status, 0);
  EXPECT_THAT(table.output, ::testing::HasSubstr("records    3\n"));
  EXPECT_THAT(table.output, ::testing::HasSubstr(root_hash_));
  EXPECT_THAT(table.output, ::testing::HasSubstr("all of it holds"));
  const Outcome json = Run({folder_, "-o", "json"});
  EXPECT_EQ(json.exit_status, 0);
  EXPECT_EQ(nlohmann::json::parse(json.output),
            (nlohmann::json{{"ok", true},
                            {"records", 3},
                            {"root_hash", root_hash_},
                            {"problems", nlohmann::json::array()},
                            {"notes", nlohmann::json::array()}}));
}

TEST_F(VerifyTest, FailsOnADamagedLog) {
  const std::string segment = folder_ + "/log-00000000000000000000";
  ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(segment));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  ASSERT_OK(WriteFileAtomic(segment, bytes));
  const Outcome json = Run({folder_, "-o", "json"});
  EXPECT_EQ(json.exit_status, 1);
  EXPECT_FALSE(nlohmann::json::parse(json.output)["ok"].get<bool>());
  const Outcome table = Run({folder_});
  EXPECT_EQ(table.exit_status, 1);
  EXPECT_THAT(table.output, ::testing::HasSubstr("DOES NOT HOLD"));
}

TEST_F(VerifyTest, ComparesWithTheKeyKeptElsewhere) {
  EXPECT_EQ(Run({folder_, "--public-key", folder_ + "/public.key"}).exit_status, 0);
  ASSERT_OK(WriteFileAtomic(temp_->path() + "/other.key", "name+00000000+AA==\n"));
  EXPECT_EQ(Run({folder_, "--public-key", temp_->path() + "/other.key"}).exit_status, 1);
}

TEST_F(VerifyTest, SaysWhenItCannotTell) {
  EXPECT_EQ(Run({temp_->path() + "/absent"}).exit_status, 2);
  std::filesystem::create_directory(temp_->path() + "/empty");
  const Outcome empty = Run({temp_->path() + "/empty"});
  EXPECT_EQ(empty.exit_status, 2);
  EXPECT_THAT(empty.output, ::testing::HasSubstr("holds no audit log"));
  EXPECT_EQ(Run({}).exit_status, 2);
  EXPECT_EQ(Run({"--help"}).exit_status, 0);
}

}  // namespace
}  // namespace hadal::verify
