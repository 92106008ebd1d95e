#include "inference/tool/machine_peak.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "absl/time/clock.h"
#include "inference/kernels/device.h"
#include "inference/tensor/aligned_buffer.h"
#include "inference/tool/peak/loops.h"

namespace hadal::inference::tool {
namespace {

constexpr int kRuns = 5;
constexpr int64_t kChunk = int64_t{1} << 20;
constexpr double kLongEnough = 0.02;  // seconds, against the cost of starting threads

const PeakLoops& LoopsOf(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return kAvx2Peak;
    case Isa::kAvx512:
      return kAvx512Peak;
#endif
    default:
      return kScalarPeak;
  }
}

template <typename Work>
double Seconds(const Work& work) {
  const absl::Time start = absl::Now();
  work();
  return absl::ToDoubleSeconds(absl::Now() - start);
}

double OpsPerSecond(ThreadPool& pool, const PeakLoops& loops) {
  const int64_t chunks = int64_t{8} * pool.num_threads();
  std::atomic<int32_t> sink{0};
  int64_t rounds = 512;
  const auto run = [&] {
    return Seconds([&] {
      pool.ParallelFor(chunks, 1, [&](int64_t begin, int64_t end) {
        sink += loops.multiply(rounds * (end - begin));
      });
    });
  };
  while (run() < kLongEnough) rounds *= 2;
  double best = run();
  for (int i = 1; i < kRuns; ++i) best = std::min(best, run());
  return 2.0 * static_cast<double>(loops.multiply_adds * rounds * chunks) / best;
}

StatusOr<double> ReadBytesPerSecond(ThreadPool& pool, const PeakLoops& loops) {
  const auto last_cache = int64_t{sysconf(_SC_LEVEL3_CACHE_SIZE)};
  const int64_t chunks = std::max(4 * last_cache, int64_t{256} << 20) / kChunk;
  ASSIGN_OR_RETURN(const auto buffer,
                   AlignedBuffer::Allocate(static_cast<size_t>(chunks * kChunk)));
  // Untouched pages would all be the same one.
  pool.ParallelFor(chunks, 1, [&](int64_t begin, int64_t end) {
    std::memset(buffer.data() + begin * kChunk, 1, static_cast<size_t>((end - begin) * kChunk));
  });
  std::atomic<int64_t> sink{0};
  double best = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double seconds = Seconds([&] {
      pool.ParallelFor(chunks, 1, [&](int64_t begin, int64_t end) {
        sink += loops.read(buffer.data() + begin * kChunk, (end - begin) * kChunk);
      });
    });
    best = std::max(best, static_cast<double>(chunks * kChunk) / seconds);
  }
  return best;
}

}  // namespace

StatusOr<MachinePeak> MeasureMachine(ThreadPool& pool) {
  std::vector<Isa> isas = AvailableIsas();
  const bool amx = isas.back() == Isa::kAmx;
  if (amx) isas.pop_back();
  const PeakLoops& loops = LoopsOf(isas.back());
  MachinePeak peak;
  ASSIGN_OR_RETURN(peak.read_bytes_per_second, ReadBytesPerSecond(pool, loops));
  peak.int8.push_back({loops.isa, OpsPerSecond(pool, loops)});
#if defined(__x86_64__)
  if (amx) peak.int8.push_back({kAmxPeak.isa, OpsPerSecond(pool, kAmxPeak)});
#endif
  return peak;
}

}  // namespace hadal::inference::tool
