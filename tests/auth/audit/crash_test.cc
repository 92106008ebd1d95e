#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include "tests/auth/audit/log_fixture.h"

namespace hadal::auth {
namespace {

using ::testing::IsEmpty;

class AuditCrashTest : public LogFixture {};

/// What a writer says it was promised: index and leaf hash, in one write of at most PIPE_BUF bytes.
struct Acknowledgement {
  uint64_t index;
  char leaf_hash[32];
};

[[noreturn]] void AppendUntilKilled(const AuditLogOptions& options, int ack_fd, int round) {
  auto log = AuditLog::Open(options);
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", StatusMessage(log.status()).c_str());
    _exit(3);
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        const auto position = (*log)->Append(MakeRecord(round * 10'000'000 + t * 1'000'000 + i));
        if (!position.ok()) {
          std::fprintf(stderr, "%s\n", StatusMessage(position.status()).c_str());
          _exit(4);
        }
        Acknowledgement ack{position->index, {}};
        std::memcpy(ack.leaf_hash, position->leaf_hash.data(), sizeof ack.leaf_hash);
        if (::write(ack_fd, &ack, sizeof ack) != sizeof ack) _exit(5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(6);
}

void WaitForGrowth(const std::string& path) {
  const auto before = std::filesystem::file_size(path);
  for (int i = 0; i < 3000 && std::filesystem::file_size(path) == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST_F(AuditCrashTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  constexpr int kRounds = 25;
  options_.segment_bytes = 20'000;  // kills land in segment changes as well
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  const std::string ack_path = temp_->path() + "/acknowledged";
  UniqueFd acks(::open(ack_path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  ASSERT_TRUE(acks.valid());
  for (int round = 0; round < kRounds; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) AppendUntilKilled(options_, acks.get(), round);
    // Every third kill comes at any time, also while the log opens; the others while it is written.
    if (round % 3 != 0) WaitForGrowth(ack_path);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int wait_status = 0;
    ASSERT_EQ(::waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(wait_status)) << "round " << round << " exit "
                                          << WEXITSTATUS(wait_status) << " seed " << seed;
    if (std::filesystem::exists(Path("checkpoint"))) {
      EXPECT_THAT(VerifyFolder().problems, IsEmpty()) << "round " << round << " seed " << seed;
    }
  }
  const auto log = OpenLog();
  ASSERT_NE(log, nullptr);
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(ack_path));
  const size_t count = bytes.size() / sizeof(Acknowledgement);
  EXPECT_GE(count, static_cast<size_t>(kRounds / 2));
  for (size_t i = 0; i < count; ++i) {
    Acknowledgement ack;
    std::memcpy(&ack, bytes.data() + i * sizeof ack, sizeof ack);
    ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(ack.index));
    ASSERT_EQ(stored.position.leaf_hash, std::string(ack.leaf_hash, 32)) << "seed " << seed;
  }
  ASSERT_OK_AND_ASSIGN(const auto result, log->Verify());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_GE(result.records, count);
}

// A file system of its own, in a mount namespace of this process: nothing stays behind.
bool MountSmallDisk(const std::string& path, const char* size) {
  static const bool separate =
      ::unshare(CLONE_NEWNS) == 0 &&
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return separate && ::mount("tmpfs", path.c_str(), "tmpfs", 0, size) == 0;
}

TEST_F(AuditCrashTest, AFullDiskRefusesAppendsAndLosesNothing) {
  if (!MountSmallDisk(temp_->path(), "size=600k")) {
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  }
  options_.segment_bytes = 30'000;
  auto log = OpenLog();
  ASSERT_NE(log, nullptr);
  std::vector<AuditPosition> acknowledged;
  for (int round = 0; round < 5; ++round) {
    const std::string filler = temp_->path() + "/filler";
    UniqueFd fd(::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(4096, 'x');
    // Leaves a few pages: the disk fills inside a commit, each round at another byte.
    for (int i = 0; i < 100 && ::write(fd.get(), block.data(), block.size()) > 0; ++i) {
    }
    Status failure;
    for (int i = 0; i < 5000 && failure.ok(); ++i) {
      const auto position = log->Append(MakeRecord(round * 10'000 + i));
      failure = position.status();
      if (position.ok()) acknowledged.push_back(*position);
    }
    EXPECT_EQ(failure.code(), StatusCode::kResourceExhausted) << StatusMessage(failure);
    EXPECT_FALSE(log->Append(MakeRecord(1)).ok());
    EXPECT_EQ(log->size(), acknowledged.size());
    EXPECT_THAT(VerifyFolder().problems, IsEmpty());
    ASSERT_EQ(::unlink(filler.c_str()), 0);
    fd.Reset();
    const auto position = log->Append(MakeRecord(round));
    ASSERT_OK(position);
    acknowledged.push_back(*position);
    if (round == 2) {
      log.reset();
      log = OpenLog();
      ASSERT_NE(log, nullptr);
    }
  }
  for (const AuditPosition& position : acknowledged) {
    ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(position.index));
    EXPECT_EQ(stored.position.leaf_hash, position.leaf_hash);
  }
  log.reset();
  ExpectVerifies(acknowledged.size());
  ::umount2(temp_->path().c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace hadal::auth
