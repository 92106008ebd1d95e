#include "base/subprocess.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "tests/support/status_matchers.h"

namespace hadal {
namespace {

TEST(SubprocessTest, ReportsExitStatusSignalAndMissingProgram) {
  ASSERT_OK_AND_ASSIGN(Subprocess process, Subprocess::Start({.argv = {"sh", "-c", "exit 3"}}));
  EXPECT_EQ(DescribeWaitStatus(*process.Wait()), "exit status 3");
  ASSERT_OK_AND_ASSIGN(Subprocess sleeper, Subprocess::Start({.argv = {"sleep", "60"}}));
  EXPECT_EQ(sleeper.Wait(absl::Now() + absl::Milliseconds(5)), std::nullopt);
  sleeper.Signal(SIGKILL);
  EXPECT_EQ(DescribeWaitStatus(*sleeper.Wait()), "signal 9 (Killed)");
  EXPECT_STATUS(Subprocess::Start({.argv = {"/nowhere/program"}}), kNotFound, "/nowhere/program");
}

TEST(SubprocessTest, DestructorKills) {
  pid_t pid = 0;
  {
    ASSERT_OK_AND_ASSIGN(Subprocess sleeper, Subprocess::Start({.argv = {"sleep", "60"}}));
    pid = sleeper.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace hadal
