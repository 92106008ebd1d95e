#include "ops/cli/interruption.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace hadal::cli {
namespace {

TEST(InterruptionTest, ASignalEndsAPauseAndNotTheProcess) {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    Interruption interruption;
    EXPECT_FALSE(interruption.requested());
    EXPECT_FALSE(interruption.Pause(absl::Milliseconds(1)));
    ASSERT_EQ(::kill(::getpid(), signal_number), 0);
    EXPECT_TRUE(interruption.Pause(absl::Minutes(1)));
    EXPECT_TRUE(interruption.requested());
  }
}

TEST(InterruptionTest, WithoutASignalItGoesQuietly) {
  Interruption first;
  EXPECT_FALSE(first.requested());
}

}  // namespace
}  // namespace hadal::cli
