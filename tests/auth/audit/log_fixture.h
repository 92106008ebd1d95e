#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "auth/audit_log.h"
#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {

inline store::v1::AuditRecord MakeRecord(int number) {
  store::v1::AuditRecord record;
  record.set_time_unix_ms(1'795'000'000'000 + number);
  record.set_request_id(fmt::format("request-{}", number));
  record.set_method("hadal.v1.Assistant/Ask");
  record.set_principal("u-1");
  record.set_outcome("ok");
  (*record.mutable_attributes())["temperature"] = "0";
  (*record.mutable_attributes())["top_p"] = "1";
  return record;
}

/// A log in a temporary folder.
class LogFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(temp_, TempDir::Create());
    options_.folder = temp_->path() + "/audit";
    options_.min_free_bytes = 0;
  }
  std::unique_ptr<AuditLog> OpenLog() {
    auto log = AuditLog::Open(options_);
    EXPECT_OK(log);
    return log.ok() ? *std::move(log) : nullptr;
  }
  /// Opens, appends `count` records numbered from `first` in as many commits, closes.
  void AppendAndClose(int first, int count) {
    const auto log = OpenLog();
    ASSERT_NE(log, nullptr);
    for (int i = 0; i < count; ++i) ASSERT_OK(log->Append(MakeRecord(first + i)));
  }
  AuditVerification VerifyFolder() {
    auto result = VerifyAuditFolder(options_.folder);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : AuditVerification{.problems = {"not verified"}};
  }
  void ExpectVerifies(uint64_t records) {
    const AuditVerification result = VerifyFolder();
    EXPECT_EQ(result.records, records);
    EXPECT_THAT(result.problems, ::testing::IsEmpty());
    EXPECT_THAT(result.notes, ::testing::IsEmpty());
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(options_.folder)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  std::string Path(const std::string& name) const { return options_.folder + "/" + name; }
  std::string Segment(uint64_t first = 0) const { return fmt::format("log-{:020}", first); }
  std::string Read(const std::string& name) const { return ReadFile(Path(name)).value_or(""); }
  /// Keeps the inode: what is open stays open.
  void Write(const std::string& name, const std::string& content) const {
    UniqueFd fd(::open(Path(name).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    ASSERT_TRUE(fd.valid());
    ASSERT_OK(WriteAll(fd.get(), content));
  }

  std::unique_ptr<TempDir> temp_;
  AuditLogOptions options_;
};

}  // namespace hadal::auth
