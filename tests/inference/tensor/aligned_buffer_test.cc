#include "inference/tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using Pages = AlignedBuffer::Pages;
constexpr size_t kPage = 4096;

bool IsZero(const AlignedBuffer& buffer) {
  return std::all_of(buffer.data(), buffer.data() + buffer.size(),
                     [](uint8_t b) { return b == 0; });
}

bool InMemory(const uint8_t* page) {
  unsigned char state = 0;
  return mincore(const_cast<uint8_t*>(page), kPage, &state) == 0 && (state & 1) != 0;
}

class AlignedBuffers : public ::testing::TestWithParam<Pages> {};

TEST_P(AlignedBuffers, AreAlignedZeroAndApart) {
  std::vector<AlignedBuffer> buffers;
  for (const size_t size : {size_t{1}, size_t{5000}, size_t{3} << 20, size_t{40} << 20,
                            size_t{70} << 20, size_t{30} << 20}) {
    ASSERT_OK_AND_ASSIGN(AlignedBuffer buffer, AlignedBuffer::Allocate(size, GetParam()));
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_TRUE(IsZero(buffer));
    std::memset(buffer.data(), static_cast<int>(buffers.size()) + 1, size);
    buffers.push_back(std::move(buffer));
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_TRUE(std::all_of(buffers[i].data(), buffers[i].data() + buffers[i].size(),
                            [i](uint8_t b) { return b == i + 1; }));
  }
}

TEST_P(AlignedBuffers, SayWhatMemoryIsMissing) {
  EXPECT_STATUS(AlignedBuffer::Allocate(size_t{1} << 60, GetParam()).status(), kResourceExhausted,
                "no memory for 1152921504606846976 bytes");
}

TEST_P(AlignedBuffers, OfNothingAreEmpty) {
  ASSERT_OK_AND_ASSIGN(const AlignedBuffer buffer, AlignedBuffer::Allocate(0, GetParam()));
  EXPECT_EQ(buffer.data(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Pages, AlignedBuffers, ::testing::Values(Pages::kOwn, Pages::kShared));

// Experts that leave a rank are small, and beside others that stay.
TEST(SharedPages, GoBackWhileNeighboursStay) {
  constexpr size_t kSize = 300 * 1024;
  ASSERT_OK_AND_ASSIGN(AlignedBuffer leaves, AlignedBuffer::Allocate(kSize, Pages::kShared));
  ASSERT_OK_AND_ASSIGN(const AlignedBuffer stays, AlignedBuffer::Allocate(kSize, Pages::kShared));
  std::memset(leaves.data(), 1, kSize);
  std::memset(stays.data(), 2, kSize);
  const uint8_t* const page = leaves.data() + kPage;
  ASSERT_TRUE(InMemory(page));
  leaves = AlignedBuffer();
  EXPECT_FALSE(InMemory(page));
  EXPECT_TRUE(std::all_of(stays.data(), stays.data() + kSize, [](uint8_t b) { return b == 2; }));
}

TEST(SharedPages, AreTakenByManyThreads) {
  std::vector<std::vector<AlignedBuffer>> buffers(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < buffers.size(); ++t) {
    threads.emplace_back([&mine = buffers[t], t] {
      for (int i = 0; i < 200; ++i) {
        auto buffer = AlignedBuffer::Allocate(kPage + 1, Pages::kShared);
        ASSERT_OK(buffer);
        std::memset(buffer->data(), static_cast<int>(t) + 1, buffer->size());
        if (i % 2 == 0) mine.push_back(*std::move(buffer));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < buffers.size(); ++t) {
    for (const AlignedBuffer& buffer : buffers[t]) {
      ASSERT_TRUE(std::all_of(buffer.data(), buffer.data() + buffer.size(),
                              [t](uint8_t b) { return b == t + 1; }));
    }
  }
}

}  // namespace
}  // namespace hadal::inference
