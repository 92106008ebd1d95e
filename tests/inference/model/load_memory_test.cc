// What loading a model takes at its worst moment. A program of its own: the peak is the process's.
#include <filesystem>

#include "bench/measure.h"
#include "inference/model/decoder.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

/// Of the file's size, the whole process included.
constexpr double kMost = 1.15;

TEST(LoadMemory, PeaksAtALittleMoreThanTheFile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  const std::string path = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto file = static_cast<double>(std::filesystem::file_size(path));
  ASSERT_OK_AND_ASSIGN(const auto checkpoint, Checkpoint::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto decoder,
                       LoadDecoder(*checkpoint, {}, std::make_shared<ThreadPool>(2)));
  const double peak = static_cast<double>(bench::StatusBytes("VmHWM")) / file;
  EXPECT_GT(peak, 0.9) << "what was measured is not the load";
  EXPECT_LT(peak, kMost);
}

}  // namespace
}  // namespace hadal::inference
