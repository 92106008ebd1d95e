// A child ingests, replaces and deletes, and says on a pipe what was acknowledged; it is killed at
// random moments. What it said must be there after reopening, and nothing half.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

constexpr int kKills = 24;
constexpr int kDocuments = 6;

/// What the child says: "+ <document> <content>", "- <document> 0" before a change ("?" first) and
/// after it was acknowledged.
struct Expected {
  std::map<int, int> acknowledged;  // document -> content; absent: deleted or never added
  int pending_document = -1;        // begun, not acknowledged
  int pending_content = 0;          // 0: a delete
};

std::string Name(int document) { return "d" + std::to_string(document); }

std::vector<std::string> ContentTexts(int document, int content) {
  std::vector<std::string> texts;
  for (int i = 0; i <= content % 5; ++i) {
    texts.push_back(Name(document) + "内容" + std::to_string(content) + "段" + std::to_string(i));
  }
  return texts;
}

void Say(int fd, char kind, int document, int content) {
  const std::string line =
      std::string(1, kind) + " " + std::to_string(document) + " " + std::to_string(content) + "\n";
  // One write below PIPE_BUF: a line arrives whole or not at all.
  if (::write(fd, line.data(), line.size()) < 0) std::_Exit(3);
}

[[noreturn]] void RunChild(const KnowledgeStoreOptions& options, int fd, int first_content) {
  auto store = KnowledgeStore::Open(options, std::make_shared<FakeEmbedder>(),
                                    std::make_shared<SystemClock>());
  if (!store.ok()) {
    std::fprintf(stderr, "child: %s\n", StatusMessage(store.status()).c_str());
    std::_Exit(2);
  }
  Say(fd, 'o', 0, 0);
  std::mt19937 random(static_cast<unsigned>(first_content));
  for (int content = first_content;; ++content) {
    const int document = static_cast<int>(random() % kDocuments);
    const bool remove = random() % 4 == 0;
    Say(fd, '?', document, remove ? 0 : content);
    const Status status =
        remove
            ? (*store)->DeleteDocument("kb", Name(document), Everything()).status()
            : (*store)
                  ->AddDocument("kb", MakeDocument(Name(document), ContentTexts(document, content)))
                  .status();
    if (!status.ok() && !absl::IsNotFound(status)) std::_Exit(4);
    Say(fd, remove ? '-' : '+', document, content);
  }
}

class CrashTest : public StoreFixture {
 protected:
  /// Everything the child said until it was killed after `delay` of work.
  void RunAndKill(int first_content, absl::Duration delay, Expected& expected) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(fds[0]);
      RunChild(options_, fds[1], first_content);
    }
    ::close(fds[1]);
    std::string said;
    char buffer[4096];
    ssize_t got = ::read(fds[0], buffer, sizeof(buffer));  // "o": the store is open
    if (got > 0) said.append(buffer, static_cast<size_t>(got));
    absl::SleepFor(delay);
    ::kill(child, SIGKILL);
    while ((got = ::read(fds[0], buffer, sizeof(buffer))) > 0) {
      said.append(buffer, static_cast<size_t>(got));
    }
    ::close(fds[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    Follow(said, expected);
  }

  static void Follow(const std::string& said, Expected& expected) {
    expected.pending_document = -1;
    size_t begin = 0;
    for (size_t end; (end = said.find('\n', begin)) != std::string::npos; begin = end + 1) {
      char kind = 0;
      int document = 0;
      int content = 0;
      ASSERT_EQ(std::sscanf(said.c_str() + begin, "%c %d %d", &kind, &document, &content), 3);
      if (kind == '?') {
        expected.pending_document = document;
        expected.pending_content = content;
      } else if (kind == '+') {
        expected.acknowledged[document] = content;
        expected.pending_document = -1;
      } else if (kind == '-') {
        expected.acknowledged.erase(document);
        expected.pending_document = -1;
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
  int changes = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    store_.reset();
    const int first_content = 1 + kill * 100'000;
    RunAndKill(first_content, absl::Microseconds(random() % 120'000), expected);
    if (HasFatalFailure()) return;
    Reopen();
    if (HasFatalFailure()) return;
    Check(expected);
    changes += expected.pending_document >= 0;
  }
  std::printf("%d of %d kills fell into a change\n", changes, kKills);
}

}  // namespace
}  // namespace hadal::retrieval
