// What choosing a token costs the engine's thread, over the vocabulary of the default chat model.
// Logits fall as a model's do: a few far ahead of a wide bulk.

#include <benchmark/benchmark.h>

#include <random>

#include "base/check.h"
#include "inference/sampling/logprobs.h"
#include "inference/sampling/sampler.h"

namespace hadal::inference {
namespace {

constexpr size_t kVocabulary = 151936;

const std::vector<float>& Logits() {
  static const std::vector<float> logits = [] {
    std::mt19937_64 random(1);
    std::normal_distribution<float> bulk(0.0f, 2.5f);
    std::exponential_distribution<float> ahead(0.5f);
    std::vector<float> values(kVocabulary);
    for (float& value : values) value = bulk(random);
    for (int i = 0; i < 200; ++i) values[random() % kVocabulary] = 10.0f + ahead(random);
    return values;
  }();
  return logits;
}

void BM_Sample(benchmark::State& state, float temperature, int32_t top_k, float top_p,
               float min_p) {
  SamplingParams params;
  params.temperature = temperature;
  params.top_k = top_k;
  params.top_p = top_p;
  params.min_p = min_p;
  Sampler sampler;
  uint64_t position = 0;
  for (auto _ : state) {
    const auto token = sampler.Sample(Logits(), params, position++);
    CHECK_OK(token);
    benchmark::DoNotOptimize(*token);
  }
}

BENCHMARK_CAPTURE(BM_Sample, greedy, 0.0f, 0, 1.0f, 0.0f)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Sample, temperature, 0.7f, 0, 1.0f, 0.0f)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Sample, top_p, 0.7f, 0, 0.9f, 0.0f)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Sample, top_p_of_flat, 2.0f, 0, 0.95f, 0.0f)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Sample, top_k_and_top_p, 0.7f, 40, 0.9f, 0.0f)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Sample, min_p, 1.0f, 0, 1.0f, 0.05f)->Unit(benchmark::kMicrosecond);

void BM_Logprobs(benchmark::State& state) {
  const Device device = Device::CallingThread();
  for (auto _ : state) benchmark::DoNotOptimize(*LogprobsOf(device, Logits(), 7, 5));
}
BENCHMARK(BM_Logprobs)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hadal::inference

BENCHMARK_MAIN();
