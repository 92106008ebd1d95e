// What an op pays for running on several threads: a job of so many chunks with nothing in them.

#include <benchmark/benchmark.h>

#include "inference/kernels/thread_pool.h"

namespace hadal::inference {
namespace {

// range 0: threads, range 1: chunks.
void BM_ParallelFor(benchmark::State& state) {
  ThreadPool pool(static_cast<int32_t>(state.range(0)));
  for (auto _ : state) {
    pool.ParallelFor(state.range(1), 1,
                     [](int64_t begin, int64_t) { benchmark::DoNotOptimize(begin); });
  }
}
BENCHMARK(BM_ParallelFor)
    ->ArgNames({"threads", "chunks"})
    ->ArgsProduct({{1, 2}, {2, 8, 32}})
    ->UseRealTime();

}  // namespace
}  // namespace hadal::inference

BENCHMARK_MAIN();
