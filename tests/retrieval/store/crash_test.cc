// A child ingests, replaces and deletes, and says on a pipe what was acknowledged; it is killed at
// random moments. What it said must be there after reopening, and nothing half.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "base/subprocess.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

constexpr int kKills = 24;
constexpr int kDocuments = 6;
constexpr int64_t kEmbedFirst = 2;  // of one to five chunks: most are embedded in the background

/// What the child says: "+ <document> <content>", "- <document> 0" before a change ("?" first) and
/// after it was acknowledged.
struct Expected {
  std::map<int, int> acknowledged;  // document -> content; absent: deleted or never added
  int pending_document = -1;        // begun, not acknowledged
  int pending_content = 0;          // 0: a delete
  int changes = 0;                  // acknowledged in all
};

std::string Name(int document) { return "d" + std::to_string(document); }

std::vector<std::string> ContentTexts(int document, int content) {
  std::vector<std::string> texts;
  for (int i = 0; i <= content % 5; ++i) {
    texts.push_back(Name(document) + "内容" + std::to_string(content) + "段" + std::to_string(i));
  }
  return texts;
}

constexpr char kPathVariable[] = "HADAL_CRASH_TEST_STORE";
constexpr char kContentVariable[] = "HADAL_CRASH_TEST_CONTENT";
// What the child says stands between the lines of the test framework.
constexpr char kMark = '@';

void Say(char kind, int document, int content) {
  const std::string line = fmt::format("{} {} {} {}\n", kMark, kind, document, content);
  // One write below PIPE_BUF: a line arrives whole or not at all.
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(3);
}

// The child's part, in a process of its own program: a fork alone would copy locks that RocksDB's
// threads hold. Runs until it is killed.
TEST(CrashTestChild, DISABLED_Ingests) {
  const char* path = std::getenv(kPathVariable);
  const char* first_content = std::getenv(kContentVariable);
  if (path == nullptr || first_content == nullptr) GTEST_SKIP() << "for CrashTest only";
  KnowledgeStoreOptions options;
  options.path = path;
  options.min_free_bytes = 0;
  options.embed_first_chunks = kEmbedFirst;
  ASSERT_OK_AND_ASSIGN(const auto store,
                       KnowledgeStore::Open(options, std::make_shared<FakeEmbedder>(),
                                            std::make_shared<SystemClock>()));
  Say('o', 0, 0);
  std::mt19937 random(static_cast<unsigned>(std::atoi(first_content)));
  for (int content = std::atoi(first_content);; ++content) {
    const int document = static_cast<int>(random() % kDocuments);
    const bool remove = random() % 4 == 0;
    Say('?', document, remove ? 0 : content);
    const Status status =
        remove
            ? store->DeleteDocument("kb", Name(document), Everything()).status()
            : store
                  ->AddDocument("kb", MakeDocument(Name(document), ContentTexts(document, content)))
                  .status();
    if (!absl::IsNotFound(status)) {
      ASSERT_OK(status);
    }
    Say(remove ? '-' : '+', document, content);
  }
}

class CrashTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = kEmbedFirst;
    StoreFixture::SetUp();
  }

  /// Everything the child said until it was killed after `delay` of work.
  void RunAndKill(int first_content, absl::Duration delay, Expected& expected) {
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    const UniqueFd reading(fds[0]);
    UniqueFd writing(fds[1]);
    SubprocessOptions child_options;
    child_options.argv = {"/proc/self/exe", "--gtest_filter=CrashTestChild.*",
                          "--gtest_also_run_disabled_tests"};
    child_options.env = {fmt::format("{}={}", kPathVariable, options_.path),
                         fmt::format("{}={}", kContentVariable, first_content)};
    child_options.stdout_fd = writing.get();
    child_options.die_with_parent = true;
    ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start(child_options));
    writing.Reset();
    std::string said;
    while (said.find("@ o") == std::string::npos) {  // until the store is open
      ASSERT_TRUE(ReadSome(reading.get(), said)) << "the child could not open the store: " << said;
    }
    absl::SleepFor(delay);
    child.Signal(SIGKILL);
    while (ReadSome(reading.get(), said)) {
    }
    const std::optional<int> status = child.Wait();
    ASSERT_TRUE(status.has_value() && WIFSIGNALED(*status))
        << "the child ended by itself: " << said;
    Follow(said, expected);
  }

  static bool ReadSome(int fd, std::string& text) {
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got > 0) text.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }

  static void Follow(const std::string& said, Expected& expected) {
    expected.pending_document = -1;
    size_t begin = 0;
    for (size_t end; (end = said.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (said[begin] != kMark) continue;
      char kind = 0;
      int document = 0;
      int content = 0;
      ASSERT_EQ(std::sscanf(said.c_str() + begin, "@ %c %d %d", &kind, &document, &content), 3);
      if (kind == '?') {
        expected.pending_document = document;
        expected.pending_content = content;
      } else if (kind == '+') {
        expected.acknowledged[document] = content;
        expected.pending_document = -1;
        ++expected.changes;
      } else if (kind == '-') {
        expected.acknowledged.erase(document);
        expected.pending_document = -1;
        ++expected.changes;
      }
    }
  }

  /// The document's texts as a search sees them, in order.
  std::multiset<std::string> Stored(int document) {
    std::multiset<std::string> texts;
    const auto result = store_->Search("kb", Name(document) + "内容", 1000, Everything());
    EXPECT_OK(result);
    if (!result.ok()) return texts;
    for (const SearchHit& hit : result->hits) {
      if (hit.document_id == Name(document)) texts.insert(hit.chunk.text);
    }
    return texts;
  }

  void Check(Expected& expected) {
    for (int document = 0; document < kDocuments; ++document) {
      const auto wanted = [document](int content) {
        const std::vector<std::string> texts = ContentTexts(document, content);
        return content == 0 ? std::multiset<std::string>()
                            : std::multiset<std::string>(texts.begin(), texts.end());
      };
      const auto it = expected.acknowledged.find(document);
      const int before = it == expected.acknowledged.end() ? 0 : it->second;
      const std::multiset<std::string> stored = Stored(document);
      if (document != expected.pending_document) {
        EXPECT_EQ(stored, wanted(before)) << Name(document);
        continue;
      }
      // The change under way happened wholly or not at all.
      const bool happened = stored == wanted(expected.pending_content);
      EXPECT_TRUE(happened || stored == wanted(before)) << Name(document);
      if (!happened) continue;
      if (expected.pending_content == 0) {
        expected.acknowledged.erase(document);
      } else {
        expected.acknowledged[document] = expected.pending_content;
      }
    }
    int64_t chunks = 0;
    for (const auto& [document, content] : expected.acknowledged) {
      chunks += static_cast<int64_t>(ContentTexts(document, content).size());
    }
    EXPECT_EQ(store_->ListBases().front().documents,
              static_cast<int64_t>(expected.acknowledged.size()));
    EXPECT_EQ(store_->ListBases().front().chunks, chunks);
  }
};

TEST_F(CrashTest, NothingAcknowledgedIsLostAndNothingIsHalfThere) {
  std::mt19937 random(std::random_device{}());
  const unsigned seed = random();
  std::printf("seed %u\n", seed);
  random.seed(seed);
  Expected expected;
  int interrupted = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    store_.reset();
    const int first_content = 1 + kill * 100'000;
    RunAndKill(first_content, absl::Microseconds(random() % 120'000), expected);
    if (HasFatalFailure()) return;
    Reopen();
    if (HasFatalFailure()) return;
    Check(expected);
    interrupted += expected.pending_document >= 0;
  }
  // What was pending at a kill gets its vectors; opening checks that none is missing.
  for (const auto& [document, content] : expected.acknowledged) WaitUntilPending(Name(document), 0);
  Reopen();
  Check(expected);
  std::printf("%d changes acknowledged; %d of %d kills fell into a change\n", expected.changes,
              interrupted, kKills);
  // A child that never got anywhere would make all of the above hold.
  EXPECT_GT(expected.changes, kKills);
}

}  // namespace
}  // namespace hadal::retrieval
