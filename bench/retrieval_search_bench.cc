// Filtered search by selectivity: the index as it serves (both channels, exact), its dense scan
// alone, and FAISS' own flat scan under the same filter.

#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <random>

#include "retrieval/index/base_index.h"

namespace hadal::retrieval {
namespace {

constexpr uint32_t kChunks = 200'000;
constexpr int32_t kDim = 384;
constexpr uint32_t kDocumentChunks = 20;

/// 200,000 chunks of which group "g<p>" may read one in p, by documents of 20 chunks.
struct Corpus {
  BaseIndex index{kDim};
  DenseIndex dense{kDim};
  std::vector<float> query;
  std::vector<TermId> terms;

  Corpus() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    const auto unit = [&](size_t count) {
      std::vector<float> vectors(count * kDim);
      for (float& value : vectors) value = normal(random) / std::sqrt(float{kDim});
      return vectors;
    };
    // A few hundred frequent terms, many rare ones, as in text.
    std::exponential_distribution<double> rank(1.0 / 3000);
    const auto term = [&] { return TermId{1} + static_cast<TermId>(rank(random)); };
    for (uint32_t first = 0; first < kChunks; first += kDocumentChunks) {
      const uint32_t document = first / kDocumentChunks;
      Label label = {Classification::kPublic, {}, {"g1"}};
      for (const uint32_t part : {10u, 100u, 1000u}) {
        if (document % part == 0) label.groups.push_back("g" + std::to_string(part));
      }
      std::vector<IndexedChunk> chunks;
      for (uint32_t i = 0; i < kDocumentChunks; ++i) {
        std::vector<TermId> terms_of_chunk;
        for (int t = 0; t < 300; ++t) terms_of_chunk.push_back(term());
        chunks.push_back({first + i, "zh", CountTerms(std::move(terms_of_chunk))});
      }
      const std::vector<float> vectors = unit(kDocumentChunks);
      index.Replace({}, label, chunks, vectors);
      dense.Add(vectors);
    }
    query = unit(1);
    for (int t = 0; t < 20; ++t) terms.push_back(term());
  }
};

const Corpus& TheCorpus() {
  static const Corpus* const corpus = new Corpus();
  return *corpus;
}

AccessFilter Reader(int64_t part) {
  return {Classification::kSecret, {}, {"g" + std::to_string(part)}};
}

std::vector<uint32_t> Slots(int64_t part) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < kChunks; ++slot) {
    if (slot / kDocumentChunks % static_cast<uint32_t>(part) == 0) slots.push_back(slot);
  }
  return slots;
}

void BM_Search(benchmark::State& state) {
  const Corpus& corpus = TheCorpus();
  const IndexQuery query = {corpus.query, corpus.terms};
  for (auto _ : state) {
    benchmark::DoNotOptimize(corpus.index.Search(query, 10, Reader(state.range(0))));
  }
}
BENCHMARK(BM_Search)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

void BM_DenseScan(benchmark::State& state) {
  const Corpus& corpus = TheCorpus();
  const std::vector<uint32_t> slots = Slots(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(corpus.dense.Score(corpus.query, slots));
}
BENCHMARK(BM_DenseScan)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

void BM_FaissFlat(benchmark::State& state) {
  const Corpus& corpus = TheCorpus();
  const std::vector<uint32_t> slots = Slots(state.range(0));
  const ::Roaring allowed(slots.size(), slots.data());
  for (auto _ : state) {
    benchmark::DoNotOptimize(corpus.dense.SearchFaiss(corpus.query, 10, allowed));
  }
}
BENCHMARK(BM_FaissFlat)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hadal::retrieval

BENCHMARK_MAIN();
