#include "inference/tool/machine_peak.h"

#include <cstring>
#include <numeric>

#include "inference/kernels/device.h"
#include "inference/tensor/aligned_buffer.h"
#include "inference/tool/peak/loops.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference::tool {
namespace {

std::vector<PeakLoops> LoopsOfThisMachine(const MachinePeak& peak) {
  std::vector<PeakLoops> loops = {kScalarPeak};
#if defined(__x86_64__)
  const std::vector<Isa> isas = AvailableIsas();
  if (isas.size() > 1) loops.push_back(kAvx2Peak);
  if (isas.size() > 2) loops.push_back(kAvx512Peak);
  if (peak.int8.back().isa == "amx") loops.push_back(kAmxPeak);
#endif
  return loops;
}

// A peak is only as good as the count of what the loop did.
TEST(MachinePeak, LoopsDoTheWorkTheyCount) {
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(const MachinePeak peak, MeasureMachine(pool));
  ASSERT_OK_AND_ASSIGN(const AlignedBuffer buffer, AlignedBuffer::Allocate(5 * 512));
  std::vector<uint64_t> words(buffer.size() / 8);
  for (size_t i = 0; i < words.size(); ++i) words[i] = (i + 1) * 0x9E3779B97F4A7C15u;
  std::memcpy(buffer.data(), words.data(), buffer.size());
  const uint64_t sum = std::accumulate(words.begin(), words.end(), uint64_t{0});
  for (const PeakLoops& loops : LoopsOfThisMachine(peak)) {
    EXPECT_EQ(loops.multiply(7), 7 * loops.multiply_adds * kLeft * kRight) << loops.isa;
    if (loops.read == nullptr) continue;
    EXPECT_EQ(loops.read(buffer.data(), 5 * 512), static_cast<int64_t>(sum)) << loops.isa;
  }
}

TEST(MachinePeak, NamesTheInstructionSetsOfTheKernels) {
  ThreadPool pool(2);
  ASSERT_OK_AND_ASSIGN(const MachinePeak peak, MeasureMachine(pool));
  EXPECT_EQ(peak.int8.back().isa, IsaName(AvailableIsas().back()));
  for (const Int8Peak& int8 : peak.int8) EXPECT_GT(int8.ops_per_second, 0) << int8.isa;
  EXPECT_GT(peak.read_bytes_per_second, 0);
}

}  // namespace
}  // namespace hadal::inference::tool
