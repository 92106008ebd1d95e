// Attention over the paged cache: prompts from nothing, and one row of each of several streams,
// whose K and V lie in as many layers as make them leave the core's caches. `type` is a KvDtype.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "base/check.h"
#include "bench/measure.h"
#include "inference/kernels/attention.h"
#include "inference/tensor/aligned_buffer.h"

namespace hadal::inference {
namespace {

using bench::RandomValues;

constexpr int32_t kBlockSize = 16;
constexpr int32_t kLayers = 24;

/// The rows of `streams` sequences in `layers` layers, blocks of a stream in no order.
class Cache {
 public:
  Cache(const KvRow& row, int32_t layers, int32_t streams, int32_t positions)
      : per_stream_(static_cast<size_t>((positions + kBlockSize - 1) / kBlockSize)) {
    const size_t block_bytes = static_cast<size_t>(row.bytes()) * kBlockSize;
    const size_t count = per_stream_ * static_cast<size_t>(layers) * static_cast<size_t>(streams);
    auto memory = AlignedBuffer::Allocate(count * block_bytes);
    CHECK_OK(memory);
    memory_ = *std::move(memory);
    std::memset(memory_.data(), 0x31, memory_.size());
    for (size_t b = 0; b < count; ++b) blocks_.push_back(memory_.data() + b * block_bytes);
    for (size_t first = 0; first < count; first += per_stream_) {
      std::shuffle(blocks_.begin() + static_cast<ptrdiff_t>(first),
                   blocks_.begin() + static_cast<ptrdiff_t>(first + per_stream_),
                   std::mt19937(static_cast<uint32_t>(first)));
    }
  }
  absl::Span<const void* const> Of(int32_t layer, int32_t streams, int32_t stream) const {
    const auto at = static_cast<size_t>(layer * streams + stream) * per_stream_;
    return absl::MakeConstSpan(blocks_).subspan(at, per_stream_);
  }

 private:
  const size_t per_stream_;
  AlignedBuffer memory_;
  std::vector<const void*> blocks_;
};

void SetCounters(benchmark::State& state, double fma, double bytes) {
  state.counters["GFMA/s"] =
      benchmark::Counter(fma * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] =
      benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

/// The last `rows` of `positions` of each stream.
std::vector<CausalSlice> Slices(KvDtype type, const Cache& keys, const Cache* values, int32_t layer,
                                int32_t streams, int32_t rows, int32_t positions) {
  std::vector<CausalSlice> slices;
  for (int32_t s = 0; s < streams; ++s) {
    CausalSlice slice;
    slice.first_row = int64_t{s} * rows;
    slice.num_rows = rows;
    slice.position = positions - rows;
    slice.kv.key_blocks = keys.Of(layer, streams, s);
    if (values != nullptr) slice.kv.value_blocks = values->Of(layer, streams, s);
    slice.kv.block_size = kBlockSize;
    slice.kv.dtype = type;
    slices.push_back(slice);
  }
  return slices;
}

// Grouped queries of the default chat model: 14 heads over 2 KV heads of 64.
void RunGrouped(benchmark::State& state, KvDtype type, int32_t threads, int32_t streams,
                int32_t rows, int32_t positions) {
  const Device device(std::make_shared<ThreadPool>(threads));
  const AttentionShape shape = {14, 2, 64, 0.125f};
  const int32_t layers = rows == 1 ? kLayers : 1;
  const KvRow row = KvRow::OfHeads(type, 2, 64);
  const Cache keys(row, layers, streams, positions);
  const Cache values(row, layers, streams, positions);
  const int64_t total = int64_t{streams} * rows;
  const std::vector<float> q = RandomValues(total * 896);
  std::vector<float> out(q.size());
  int32_t layer = 0;
  for (auto _ : state) {
    const auto slices = Slices(type, keys, &values, layer++ % layers, streams, rows, positions);
    CausalAttention(device, shape, ConstMatrixView(q.data(), total, 896), slices,
                    MatrixView(out.data(), total, 896));
    benchmark::DoNotOptimize(out.data());
  }
  const double seen = static_cast<double>(total) * (positions - (rows - 1) / 2.0);
  SetCounters(state, seen * 14 * 128,
              static_cast<double>(streams) * positions * 2.0 * static_cast<double>(row.bytes()));
}

// Absorbed latent attention, DeepSeek's 512 + 64.
void RunLatent(benchmark::State& state, KvDtype type, int32_t threads, int32_t heads,
               int32_t streams, int32_t rows, int32_t positions) {
  const Device device(std::make_shared<ThreadPool>(threads));
  const LatentAttentionShape shape = {heads, 512, 64, 0.05f};
  const int32_t layers = rows == 1 ? kLayers : 1;
  const KvRow row = KvRow::OfLatent(type, 512, 64);
  const Cache keys(row, layers, streams, positions);
  const int64_t total = int64_t{streams} * rows;
  const std::vector<float> q = RandomValues(total * heads * 576);
  std::vector<float> out(static_cast<size_t>(total * heads * 512));
  int32_t layer = 0;
  for (auto _ : state) {
    const auto slices = Slices(type, keys, nullptr, layer++ % layers, streams, rows, positions);
    CausalLatentAttention(device, shape, ConstMatrixView(q.data(), total, heads * 576), slices,
                          MatrixView(out.data(), total, heads * 512));
    benchmark::DoNotOptimize(out.data());
  }
  const double seen = static_cast<double>(total) * (positions - (rows - 1) / 2.0);
  SetCounters(state, seen * heads * 1088,
              static_cast<double>(streams) * positions * static_cast<double>(row.bytes()));
}

void BM_GroupedPrompt(benchmark::State& state) {
  const auto rows = static_cast<int32_t>(state.range(0));
  RunGrouped(state, KvDtype::kF16, 1, 1, rows, rows);
}
BENCHMARK(BM_GroupedPrompt)
    ->ArgName("rows")
    ->Arg(128)
    ->Arg(512)
    ->Arg(2048)
    ->Unit(benchmark::kMillisecond);

void BM_LatentPrompt(benchmark::State& state) {
  const auto rows = static_cast<int32_t>(state.range(1));
  RunLatent(state, KvDtype::kF16, 1, static_cast<int32_t>(state.range(0)), 1, rows, rows);
}
BENCHMARK(BM_LatentPrompt)
    ->ArgNames({"heads", "rows"})
    ->Args({16, 128})
    ->Args({16, 512})
    ->Args({128, 128})
    ->Unit(benchmark::kMillisecond);

void BM_GroupedDecode(benchmark::State& state) {
  RunGrouped(state, static_cast<KvDtype>(state.range(3)), static_cast<int32_t>(state.range(2)),
             static_cast<int32_t>(state.range(0)), 1, static_cast<int32_t>(state.range(1)));
}
BENCHMARK(BM_GroupedDecode)
    ->ArgNames({"streams", "positions", "threads", "type"})
    ->ArgsProduct({{1, 8, 16}, {100, 1000, 4000}, {1}, {1}})
    ->ArgsProduct({{1}, {4000}, {1, 2}, {0, 1, 2, 3}})
    ->Unit(benchmark::kMicrosecond);

void BM_LatentDecode(benchmark::State& state) {
  RunLatent(state, static_cast<KvDtype>(state.range(4)), static_cast<int32_t>(state.range(3)),
            static_cast<int32_t>(state.range(0)), static_cast<int32_t>(state.range(1)), 1,
            static_cast<int32_t>(state.range(2)));
}
BENCHMARK(BM_LatentDecode)
    ->ArgNames({"heads", "streams", "positions", "threads", "type"})
    ->ArgsProduct({{16, 128}, {1, 8}, {100, 1000, 4000}, {1}, {1}})
    ->ArgsProduct({{16}, {1}, {4000}, {1, 2}, {0, 1, 2, 3}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hadal::inference
