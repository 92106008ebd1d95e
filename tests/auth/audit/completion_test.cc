#include "auth/audit/completion.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hadal::auth {
namespace {

TEST(Completion, WakesEveryWaiterWithWhatWasWrittenBefore) {
  for (int round = 0; round < 200; ++round) {
    Completion done;
    int value = 0;
    std::vector<std::thread> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.emplace_back([&] {
        ASSERT_TRUE(done.Wait(absl::Seconds(60)));
        EXPECT_EQ(value, 42);
      });
    }
    value = 42;
    done.Set();
    for (std::thread& waiter : waiters) waiter.join();
    EXPECT_TRUE(done.Wait(absl::ZeroDuration()));
  }
}

TEST(Completion, GivesUpAfterTheTimeout) {
  const Completion never;
  EXPECT_FALSE(never.Wait(absl::ZeroDuration()));
  EXPECT_FALSE(never.Wait(absl::Milliseconds(30)));
}

}  // namespace
}  // namespace hadal::auth
