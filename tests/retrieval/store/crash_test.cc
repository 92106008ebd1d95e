// A child receives files, reads them, replaces, reads again, deletes, purges and takes snapshots,
// while its index files are written and merged, and says on a pipe what was acknowledged; it is
// killed at random moments. What it said must be there after reopening, and nothing half.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
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

constexpr int kKills = 24;  // HADAL_CRASH_KILLS asks for more
constexpr int kDocuments = 6;
constexpr int64_t kEmbedFirst = 2;  // of one to five chunks: most are embedded in the background
// Index files are sealed, merged and written anew all the time.
constexpr int64_t kSealChunks = 8;
constexpr absl::Duration kIndexPause = absl::Milliseconds(5);

/// What the child says: "?" before a change, then "+ <document> <content>", "- <document> 0" once
/// it was acknowledged; in between, "r" once a file was received; "s <number> 0" after a snapshot.
struct Expected {
  std::map<int, int> acknowledged;  // document -> content; absent: deleted or never added
  std::map<int, int> received;      // of uploads that were not said to be visible
  int pending_document = -1;        // begun, not acknowledged
  int pending_content = 0;          // 0: a delete
  int snapshot = -1;                // the last one
  int changes = 0;                  // acknowledged in all
  int resumed = 0;                  // uploads that the parent finished
  int index_files = 0;              // seen after the kills
};

std::string Name(int document) { return "d" + std::to_string(document); }

std::vector<std::string> ContentTexts(int document, int content) {
  std::vector<std::string> texts;
  for (int i = 0; i <= content % 5; ++i) {
    texts.push_back(Name(document) + "内容" + std::to_string(content) + "段" + std::to_string(i));
  }
  return texts;
}

/// The bytes of the file that holds `content`; some have more than one piece.
std::string FileOf(int document, int content) {
  std::string bytes = Name(document) + " " + std::to_string(content) + " ";
  bytes.resize(content % 7 == 0 ? 1'200'000 : 300, 'z');
  return bytes;
}

int ContentOfFile(const std::string& bytes) {
  int document = 0;
  int content = 0;
  EXPECT_EQ(std::sscanf(bytes.c_str(), "d%d %d", &document, &content), 2);
  return content;
}

ReceivedFile Received(int document, int content) {
  ReceivedFile file;
  file.document_id = Name(document);
  file.file_name = Name(document) + ".txt";
  file.label = {Classification::kPublic, {}, {}};
  file.sha256 = fmt::format("{:064x}", document * 10'000'000 + content);
  file.size_bytes = static_cast<int64_t>(FileOf(document, content).size());
  return file;
}

NewDocument Reading(int document, int content, uint64_t upload) {
  NewDocument reading = MakeDocument(Name(document), ContentTexts(document, content));
  reading.sha256 = Received(document, content).sha256;
  reading.upload = upload;
  return reading;
}

constexpr char kPathVariable[] = "HADAL_CRASH_TEST_STORE";
constexpr char kIndexVariable[] = "HADAL_CRASH_TEST_INDEX";
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
  options.index_folder = std::getenv(kIndexVariable);
  options.index_seal_chunks = kSealChunks;
  options.index_pause = kIndexPause;
  options.min_free_bytes = 0;
  options.embed_first_chunks = kEmbedFirst;
  ASSERT_OK_AND_ASSIGN(const auto store,
                       KnowledgeStore::Open(options, std::make_shared<FakeEmbedder>(),
                                            std::make_shared<SystemClock>()));
  Say('o', 0, 0);
  std::mt19937 random(static_cast<unsigned>(std::atoi(first_content)));
  ASSERT_OK(store->SetKeepVersions("kb", static_cast<int32_t>(random() % 2)));
  for (int content = std::atoi(first_content);; ++content) {
    const int document = static_cast<int>(random() % kDocuments);
    const size_t what = random() % 16;
    if (what == 0) {
      ASSERT_OK(store->Purge());
    } else if (what == 1) {
      ASSERT_OK(store->Snapshot(fmt::format("{}-snapshot-{}", path, content)));
      Say('s', content, 0);
    } else if (what < 5) {
      Say('?', document, 0);
      const Status status = store->DeleteDocument("kb", Name(document), Everything()).status();
      if (!absl::IsNotFound(status)) {
        ASSERT_OK(status);
      }
      Say('-', document, 0);
    } else if (what < 9) {
      Say('?', document, content);
      ASSERT_OK(store->AddDocument("kb", Reading(document, content, 0)));
      Say('+', document, content);
    } else if (what == 9) {
      const auto upload = store->Reparse("kb", Name(document), Everything());
      if (!upload.ok()) continue;  // not there, or without a file
      ASSERT_OK_AND_ASSIGN(const auto waiting, store->WaitingUploads());
      ASSERT_EQ(waiting.size(), 1u);
      ASSERT_OK_AND_ASSIGN(const std::string file,
                           store->ReadFile("kb", waiting.front().upload.file.sha256));
      ASSERT_OK(store->AddDocument("kb", Reading(document, ContentOfFile(file), *upload)));
    } else {
      Say('?', document, content);
      ASSERT_OK_AND_ASSIGN(
          const ReceiveResult received,
          store->Receive("kb", Received(document, content), FileOf(document, content), ""));
      Say('r', document, content);
      ASSERT_OK(store->BeginAttempt("kb", Name(document), received.upload));
      ASSERT_OK(store->AddDocument("kb", Reading(document, content, received.upload)));
      Say('+', document, content);
    }
  }
}

class CrashTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = kEmbedFirst;
    options_.index_seal_chunks = kSealChunks;
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
                         fmt::format("{}={}", kIndexVariable, options_.index_folder),
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
        expected.received.erase(document);
        expected.pending_document = -1;
        ++expected.changes;
      } else if (kind == '-') {
        expected.acknowledged.erase(document);
        expected.received.erase(document);
        expected.pending_document = -1;
        ++expected.changes;
      } else if (kind == 'r') {
        expected.received[document] = content;
      } else if (kind == 's') {
        expected.snapshot = document;
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

  static std::multiset<std::string> Wanted(int document, int content) {
    if (content == 0) return {};
    const std::vector<std::string> texts = ContentTexts(document, content);
    return {texts.begin(), texts.end()};
  }

  /// What is found of each document: what was acknowledged, or the change under way, whole.
  void Check(Expected& expected) {
    for (int document = 0; document < kDocuments; ++document) {
      const auto it = expected.acknowledged.find(document);
      const int before = it == expected.acknowledged.end() ? 0 : it->second;
      const std::multiset<std::string> stored = Stored(document);
      if (document != expected.pending_document) {
        EXPECT_EQ(stored, Wanted(document, before)) << Name(document);
        continue;
      }
      const bool happened = stored == Wanted(document, expected.pending_content);
      EXPECT_TRUE(happened || stored == Wanted(document, before)) << Name(document);
      if (!happened) continue;
      if (expected.pending_content == 0) {
        expected.acknowledged.erase(document);
        expected.received.erase(document);
      } else {
        expected.acknowledged[document] = expected.pending_content;
      }
    }
    EXPECT_EQ(store_->ListBases().front().documents,
              static_cast<int64_t>(expected.acknowledged.size()));
  }

  /// A file that was said to be received waits, or its document is visible; then it is finished.
  void FinishUploads(Expected& expected) {
    const auto waiting = store_->WaitingUploads();
    ASSERT_OK(waiting);
    std::map<int, int> contents;
    for (const UploadTask& task : *waiting) {
      const int document = std::atoi(task.upload.file.document_id.c_str() + 1);
      ASSERT_OK_AND_ASSIGN(const std::string file, store_->ReadFile("kb", task.upload.file.sha256));
      const int content = ContentOfFile(file);
      EXPECT_TRUE(file == FileOf(document, content));
      contents[document] = content;
      ASSERT_OK_AND_ASSIGN(const bool begun,
                           store_->BeginAttempt("kb", Name(document), task.upload.number));
      EXPECT_TRUE(begun);
      ASSERT_OK(store_->AddDocument("kb", Reading(document, content, task.upload.number)));
      expected.acknowledged[document] = content;
      ++expected.resumed;
    }
    for (const auto& [document, content] : expected.received) {
      EXPECT_TRUE(expected.acknowledged.count(document) != 0 &&
                  expected.acknowledged[document] == content)
          << "the received file " << content << " of " << Name(document) << " is lost";
    }
    expected.received.clear();
    expected.pending_document = -1;
    Check(expected);
  }

  /// Those that the store took over as they are; it removes what it cannot use.
  int CountIndexFiles() const {
    int files = 0;
    const std::string folder = options_.index_folder + "/0";
    if (!std::filesystem::exists(folder)) return 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      files += entry.path().extension() == ".hseg";
    }
    return files;
  }

  /// A snapshot opens, which checks every record of it, and is dropped.
  void CheckSnapshot(Expected& expected) {
    const std::string folder = fmt::format("{}-snapshot-{}", options_.path, expected.snapshot);
    if (expected.snapshot < 0) return;
    KnowledgeStoreOptions options = options_;
    options.path = folder;
    options.index_folder.clear();  // the other store's
    EXPECT_OK(KnowledgeStore::Open(options, embedder_, clock_));
    std::filesystem::remove_all(folder);
    expected.snapshot = -1;
  }
};

int Kills() {
  const char* asked = std::getenv("HADAL_CRASH_KILLS");
  return asked == nullptr ? kKills : std::atoi(asked);
}

TEST_F(CrashTest, NothingAcknowledgedIsLostAndNothingIsHalfThere) {
  std::mt19937 random(std::random_device{}());
  const unsigned seed = random();
  std::printf("seed %u\n", seed);
  random.seed(seed);
  Expected expected;
  int interrupted = 0;
  const int kills = Kills();
  for (int kill = 0; kill < kills; ++kill) {
    store_.reset();
    const int first_content = 1 + kill * 100'000;
    RunAndKill(first_content, absl::Microseconds(random() % 400'000), expected);
    if (HasFatalFailure()) return;
    Reopen();
    if (HasFatalFailure()) return;
    expected.index_files += CountIndexFiles();
    interrupted += expected.pending_document >= 0;
    Check(expected);
    FinishUploads(expected);
    CheckSnapshot(expected);
    if (HasFailure()) return;
  }
  // What was pending at a kill gets its vectors; opening checks that none is missing.
  for (const auto& [document, content] : expected.acknowledged) WaitUntilPending(Name(document), 0);
  Reopen();
  Check(expected);
  std::printf(
      "%d changes acknowledged; %d of %d kills fell into a change; %d files resumed; %d index "
      "files used again\n",
      expected.changes, interrupted, kills, expected.resumed, expected.index_files);
  // A child that never got anywhere would make all of the above hold.
  EXPECT_GT(expected.changes, kills / 2);
  EXPECT_GT(expected.index_files, 0);
}

}  // namespace
}  // namespace hadal::retrieval
