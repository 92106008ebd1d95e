// Graphs under filters that follow topics, where HNSW with a filter is known to fail, against the
// exact search over the same files.

#include "retrieval/index/graph.h"

#include <algorithm>
#include <memory>
#include <random>

#include "retrieval/index/base_index.h"
#include "tests/retrieval/index/chunk_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

constexpr int32_t kDim = 48;
constexpr uint64_t kChunks = 20'000;
constexpr uint32_t kTopics = 100;

class GraphTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    for (uint32_t i = 0; i < kTopics; ++i) topics_.push_back(RandomVector(kDim, random_));
    for (uint64_t number = 0; number < kChunks; ++number) chunks_.push_back(Chunk(number));
    options_ = {.folder = folder_->path() + "/index",
                .dim = kDim,
                .embedding_model = "m",
                .seal_chunks = kChunks,
                .exact_chunks = 0,
                .graph_chunks = 500};
    ASSERT_OK_AND_ASSIGN(const auto index, BaseIndex::Open(options_));
    for (const ModelChunk& chunk : chunks_) {
      index->Replace({}, chunk.label, {{{chunk.number, chunk.language, chunk.terms}}},
                     chunk.vector);
    }
    ASSERT_OK(index->Maintain());
    ASSERT_EQ(index->generation().files.size(), 1u);
  }

  ModelChunk Chunk(uint64_t number) {
    const uint32_t topic = static_cast<uint32_t>(random_() % kTopics);
    Label label = {Classification::kPublic, {}, {"all"}};
    if (topic % 5 != 0) label.groups.push_back("most");
    if (topic % 10 == 0) label.groups.push_back("tenth");
    if (number % 3 == 0) label.groups.push_back("third");
    return {number, label, topic % 4 == 0 ? "en" : "zh", Near(topic),
            RandomTerms(random_, 30, 400)};
  }

  std::vector<float> Near(uint32_t topic) {
    std::vector<float> vector = RandomVector(kDim, random_);
    double norm = 0;
    for (int32_t d = 0; d < kDim; ++d) {
      vector[d] += topics_[topic][d];
      norm += double{vector[d]} * vector[d];
    }
    for (float& value : vector) value /= static_cast<float>(std::sqrt(norm));
    return vector;
  }

  std::unique_ptr<BaseIndex> Open(uint64_t exact_chunks) {
    BaseIndexOptions options = options_;
    options.exact_chunks = exact_chunks;
    StatusOr<std::unique_ptr<BaseIndex>> index = BaseIndex::Open(options);
    std::vector<BaseIndex::LiveRange> live;
    for (const ModelChunk& chunk : chunks_) live.push_back({{chunk.number, 1}, chunk.label});
    EXPECT_TRUE((*index)->Reconcile(live).chunks.empty());
    return *std::move(index);
  }

  std::mt19937 random_{31};
  std::vector<std::vector<float>> topics_;
  std::unique_ptr<TempDir> folder_;
  BaseIndexOptions options_;
  std::vector<ModelChunk> chunks_;
};

TEST_F(GraphTest, FindsWhatTheExactSearchFindsUnderEveryFilter) {
  const std::unique_ptr<BaseIndex> graphs = Open(0);
  const std::unique_ptr<BaseIndex> exact = Open(kChunks);
  for (const std::string group : {"all", "most", "third", "tenth"}) {
    const AccessFilter reader = {Classification::kPublic, {}, {group}};
    int found = 0;
    int wanted = 0;
    int64_t examined = 0;
    for (int round = 0; round < 40; ++round) {
      const IndexQuery query = {Near(static_cast<uint32_t>(random_() % kTopics)),
                                {1 + random_() % 200, 201 + random_() % 200}};
      const IndexResult expected = exact->Search(query, 10, reader);
      const IndexResult result = graphs->Search(query, 10, reader);
      ASSERT_TRUE(expected.complete);
      ASSERT_FALSE(result.complete);
      ASSERT_EQ(result.best.size(), 10u);
      ASSERT_EQ(result.chunks_allowed, expected.chunks_allowed);
      examined += result.examined;
      for (const Candidate& candidate : expected.best) {
        ++wanted;
        found += std::any_of(result.best.begin(), result.best.end(), [&](const Candidate& other) {
          return other.number == candidate.number;
        });
      }
      for (const Candidate& candidate : result.best) {
        const std::vector<std::string>& groups = chunks_[candidate.number].label.groups;
        ASSERT_NE(std::find(groups.begin(), groups.end(), group), groups.end());
      }
    }
    EXPECT_GE(found, 0.98 * wanted) << group;
    if (group == "all" || group == "most") {  // a graph of three quarters was walked, not scanned
      EXPECT_LT(examined / 40, static_cast<int64_t>(kChunks) / 2);
    }
  }
}

TEST_F(GraphTest, TheSameRowsGiveTheSameGraph) {
  MemorySegment segment(kDim);
  std::vector<uint32_t> slots;
  for (uint32_t i = 0; i < 1500; ++i) {
    segment.Add(i, 0, {}, chunks_[i].vector);
    slots.push_back(i);
  }
  std::string first;
  std::string second;
  BuildGraph(segment.rows(), slots, first);
  BuildGraph(segment.rows(), slots, second);
  EXPECT_EQ(first, second);
  // Any byte may be wrong: a graph is refused, or a walk stays inside.
  const CodedQuery query(topics_[0]);
  ::Roaring all;
  all.addRange(0, segment.size());
  const AllowedSlots allowed(all, 0, segment);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    std::string forged = first;
    forged[round < 16 ? static_cast<size_t>(round) : random_() % forged.size()] ^=
        static_cast<char>(1 + random_() % 255);
    absl::Span<const uint8_t> bytes = {reinterpret_cast<const uint8_t*>(forged.data()),
                                       forged.size()};
    const StatusOr<Graph> graph = Graph::Take(bytes, segment);
    refused += !graph.ok();
    std::vector<GraphHit> hits;
    int64_t examined = 0;
    if (graph.ok()) graph->Search(query, segment.rows(), allowed, 20, 3000, hits, examined);
    for (const GraphHit& hit : hits) ASSERT_LT(hit.slot, segment.size());
  }
  EXPECT_GT(refused, 15);
  EXPECT_LT(refused, 200);
}

}  // namespace
}  // namespace hadal::retrieval
