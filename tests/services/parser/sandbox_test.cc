#include "services/parser/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <vector>

#include "services/parser/self_test.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

/// Exit status of `inside`, run in a child whose sandbox is closed.
int RunInside(const SandboxOptions& options, const std::function<int()>& inside) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(CloseSandbox(options).ok() ? inside() : 200);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

class SelfTestTest : public ::testing::TestWithParam<bool> {};

TEST_P(SelfTestTest, NothingForbiddenWorks) {
  StatusOr<std::vector<SelfTestResult>> results = RunSelfTest(GetParam());
  ASSERT_OK(results);
  EXPECT_GE(results->size(), 15u);
  for (const SelfTestResult& result : *results) {
    if (GetParam() && result.attempt == "list the root folder") continue;
    EXPECT_TRUE(result.blocked) << result.attempt << ": " << result.how;
    EXPECT_FALSE(result.how.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(PlainAndWithPrograms, SelfTestTest, ::testing::Bool());

TEST(SandboxTest, ComputesWritesToOpenDescriptorsAndEnds) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  const int status = RunInside({}, [&] {
    std::vector<int> numbers(100'000, 1);
    int sum = 0;
    for (const int number : numbers) sum += number;
    return sum == 100'000 && ::write(fds[1], "ok", 2) == 2 ? 0 : 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  char buffer[2];
  EXPECT_EQ(::read(fds[0], buffer, 2), 2);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST(SandboxTest, SocketEndsTheProcessSoThatAnAttackShows) {
  StatusOr<std::vector<SelfTestResult>> results = RunSelfTest(false);
  ASSERT_OK(results);
  EXPECT_NE((*results)[0].how.find("Bad system call"), std::string::npos) << (*results)[0].how;
}

TEST(SandboxTest, ProcessorTimeIsBounded) {
  SandboxOptions options;
  options.cpu_seconds = 1;
  const int status = RunInside(options, [] {
    std::atomic<uint64_t> turns = 0;
    while (turns.fetch_add(1) != UINT64_MAX) {
    }
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGXCPU);
}

}  // namespace
}  // namespace hadal::parser
