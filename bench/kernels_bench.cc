// The kernels of the engine, one thread, on the shapes of the default chat model. GEMV reads more
// weights than any cache holds, so its bytes per second are memory speed.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "base/check.h"
#include "bench/measure.h"
#include "inference/kernels/matmul.h"

namespace hadal::inference {
namespace {

using bench::RandomValues;

PackedMatrix Weights(ElementType type, int64_t rows, int64_t cols, const Device& packer) {
  const ElementTraits traits = TraitsOf(type);
  std::vector<uint8_t> stored(static_cast<size_t>(rows * cols / traits.block_values) *
                              static_cast<size_t>(traits.block_bytes));
  std::mt19937_64 random(2);
  for (uint8_t& byte : stored) byte = static_cast<uint8_t>(random() & 0x3B);
  if (type == ElementType::kBF16) {  // 0.5 to 2: denormal numbers would be what is measured
    for (size_t i = 1; i < stored.size(); i += 2) stored[i] = 0x3F;
  }
  auto packed = PackedMatrix::Pack(type, rows, cols, stored, PackPrecision::kStored, packer);
  CHECK_OK(packed);
  return *std::move(packed);
}

constexpr int64_t kHidden = 1024;

// range 0: element type, range 1: rows of x, range 2: instruction set.
void BM_MatMul(benchmark::State& state) {
  const auto isa = static_cast<Isa>(state.range(2));
  const std::vector<Isa> isas = AvailableIsas();
  if (std::find(isas.begin(), isas.end(), isa) == isas.end()) {
    state.SkipWithError("this CPU has not got the instruction set");
    return;
  }
  const Device device(std::make_shared<ThreadPool>(1), isa);
  const int64_t batch = state.range(1);
  const int64_t outputs = batch <= 16 ? 160000 : 4864;
  const PackedMatrix weight =
      Weights(static_cast<ElementType>(state.range(0)), outputs, kHidden, device);
  const std::vector<float> x = RandomValues(batch * kHidden);
  std::vector<float> y(static_cast<size_t>(batch * outputs));
  for (auto _ : state) {
    MatMul(device, ConstMatrixView(x.data(), batch, kHidden), weight, nullptr,
           MatrixView(y.data(), batch, outputs));
    benchmark::DoNotOptimize(y.data());
  }
  state.SetLabel(std::string(TraitsOf(weight.type()).name) + " " + IsaName(isa));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(weight.size_bytes()));
  state.counters["GMAC/s"] =
      benchmark::Counter(static_cast<double>(batch * outputs * kHidden) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_MatMul)
    ->ArgNames({"type", "rows", "isa"})
    ->ArgsProduct({{static_cast<int>(ElementType::kQ8_0), static_cast<int>(ElementType::kQ4_1),
                    static_cast<int>(ElementType::kQ5_0), static_cast<int>(ElementType::kQ4_K),
                    static_cast<int>(ElementType::kQ6_K), static_cast<int>(ElementType::kBF16)},
                   {1, 8, 16, 512},
                   {static_cast<int>(Isa::kAvx2), static_cast<int>(Isa::kAvx512),
                    static_cast<int>(Isa::kAmx)}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal::inference

BENCHMARK_MAIN();
