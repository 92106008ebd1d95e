#include "base/queue.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"

namespace hadal {
namespace {

TEST(QueueTest, BoundedAndDrainsAfterClose) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_FALSE(queue.TryPush(3));
  queue.Close();
  EXPECT_FALSE(queue.Push(4));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(QueueTest, PopTimesOut) {
  BoundedQueue<int> queue(1);
  EXPECT_EQ(queue.Pop(absl::Now() + absl::Milliseconds(5)), std::nullopt);
}

TEST(QueueTest, KeepsOrderBetweenThreads) {
  BoundedQueue<int> queue(4);
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(queue.Push(i));
    queue.Close();
  });
  int expected = 0;
  while (auto item = queue.Pop()) EXPECT_EQ(*item, expected++);
  writer.join();
  EXPECT_EQ(expected, 1000);
}

}  // namespace
}  // namespace hadal
