#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/clock.h"
#include "base/file.h"
#include "retrieval/chunker.h"
#include "tests/services/parser/shared_corpus.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

using internal::v1::ParseOutcome;
using nlohmann::json;

/// Listens where hostile files want to be fetched from.
class CanaryPort {
 public:
  CanaryPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(48123);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    listening_ = ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                 ::listen(fd_.get(), 8) == 0;
  }
  bool listening() const { return listening_; }
  bool touched() const {
    pollfd entry = {fd_.get(), POLLIN, 0};
    return ::poll(&entry, 1, 50) > 0;
  }

 private:
  UniqueFd fd_;
  bool listening_ = false;
};

/// Reason codes of PDF and picture files that nothing can be read from.
const std::map<std::string, std::string>& PdfCodes() {
  static const std::map<std::string, std::string> kCodes = {
      {"truncated.pdf", "truncated"}, {"pagetree-loop.pdf", "empty"},
      {"xref-loop.pdf", "empty"},     {"password.pdf", "password_protected"},
      {"picture-named.pdf", "empty"}, {"one-byte.pdf", "damaged"}};
  return kCodes;
}

void CheckExpectation(const json& entry, const ParseOutcome& outcome) {
  const std::string file = entry["file"];
  const bool accepted = outcome.has_document();
  const bool may_accept = entry["expected"] == "accept" ||
                          entry.value("also_acceptable", std::string()).starts_with("accept");
  const bool may_reject = entry["expected"] == "reject" ||
                          entry.value("also_acceptable", std::string()).starts_with("reject");
  if (accepted) {
    EXPECT_TRUE(may_accept) << file << " was accepted: " << entry["why"];
  } else {
    EXPECT_TRUE(may_reject) << file << " was rejected: " << outcome.rejection().message();
    EXPECT_FALSE(outcome.rejection().code().empty()) << file;
    EXPECT_GT(outcome.rejection().message().size(), 10u) << file;
  }
  if (entry.contains("password")) {
    EXPECT_EQ(outcome.rejection().code(), "password_protected") << file;
  }
  const auto code = PdfCodes().find(file);
  if (code != PdfCodes().end()) {
    // Blank pages are told from scans by looking at them.
    const bool looked = ::access("/usr/bin/tesseract", X_OK) == 0 || code->second != "empty";
    EXPECT_EQ(outcome.rejection().code(), looked ? code->second : "no_text_layer") << file;
  }
  if (accepted && entry.contains("must_contain")) {
    const std::string text = retrieval::ExtractedText(outcome.document());
    EXPECT_NE(text.find(entry["must_contain"].get<std::string>()), std::string::npos) << file;
  }
  if (!entry.contains("must_not_exist")) return;
  for (const json& path : entry["must_not_exist"]) {
    EXPECT_FALSE(std::filesystem::exists(path.get<std::string>())) << path;
  }
}

TEST(HostileTest, EveryFileComesOutAsItsManifestSays) {
  const std::string root = SharedCorpus();
  if (root.empty()) GTEST_SKIP() << "no shared corpus beside this checkout";
  const std::unique_ptr<ParserPool> pool = RealPool();
  const CanaryPort canary;
  EXPECT_TRUE(canary.listening());
  int checked = 0;
  for (const json& entry : LoadLines(root + "/hostile/manifest.jsonl")) {
    const std::string file = entry["file"];
    const std::string path = root + "/hostile/" + file;
    // Odd names, links and pipes are for whoever walks folders.
    if (entry["type"] != "file" || !std::filesystem::exists(path)) continue;
    ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(path));
    const absl::Time start = absl::Now();
    StatusOr<ParseOutcome> outcome = pool->Parse(file, content);
    ASSERT_OK(outcome);
    const absl::Duration took = absl::Now() - start;
    EXPECT_LT(took, absl::Seconds(60)) << file;
    std::cout << file << ": "
              << (outcome->has_document() ? "accepted" : outcome->rejection().code()) << " in "
              << absl::FormatDuration(took) << "\n";
    CheckExpectation(entry, *outcome);
    if (outcome->has_document()) {
      const std::clock_t chunk_start = std::clock();  // processor time: the machine may be busy
      retrieval::ChunkDocument(outcome->document(), retrieval::ChunkerOptions());
      EXPECT_LT(std::clock() - chunk_start, 5 * CLOCKS_PER_SEC) << file;
    }
    ++checked;
  }
  EXPECT_GE(checked, 30);
  EXPECT_FALSE(canary.touched());
}

TEST(HostileTest, OddNamesAreOnlyHints) {
  const std::unique_ptr<ParserPool> pool = RealPool();
  const std::string content = "三号会议室今天开放，开放时间为9时至17时。";
  const std::string names[] = {"名称带\n换行.txt",
                               "进度📈报告🚧.txt",
                               "季度报告\u202etxt.exe.txt",
                               std::string(300, 'a') + ".txt",
                               "--self-test",
                               "$(touch /tmp/x).txt",
                               "\xFF\xFE.txt",
                               ""};
  for (const std::string& name : names) {
    StatusOr<ParseOutcome> outcome = pool->Parse(name, content);
    ASSERT_OK(outcome);
    ASSERT_TRUE(outcome->has_document()) << name << outcome->rejection().message();
    EXPECT_EQ(outcome->document().blocks(0).text(), content);
  }
}

}  // namespace
}  // namespace hadal::parser
