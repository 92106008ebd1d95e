// The index against a brute force that keeps every chunk in a list and knows nothing of bitmaps,
// slots, caches or compaction.

#include "retrieval/index/base_index.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

constexpr int32_t kDim = 12;

struct ModelChunk {
  uint64_t number;
  Label label;
  std::string language;
  std::vector<float> vector;
  TermCounts terms;
};

template <typename Value>
std::vector<Value> Some(std::vector<Value> all, std::mt19937& random, int one_in) {
  std::vector<Value> some;
  for (Value& value : all) {
    if (random() % static_cast<unsigned>(one_in) == 0) some.push_back(std::move(value));
  }
  return some;
}

Label RandomLabel(std::mt19937& random) {
  return {static_cast<Classification>(1 + random() % 4),
          Some<std::string>({"grid", "treasury", "core"}, random, 4),
          Some<std::string>({"ops", "risk", "noc", "hr"}, random, 3)};
}

AccessFilter RandomFilter(std::mt19937& random) {
  return {static_cast<Classification>(random() % 5),
          Some<std::string>({"grid", "treasury", "core"}, random, 2),
          Some<std::string>({"ops", "risk", "noc", "hr"}, random, 2)};
}

// The rule of the corpus' README, written once more and differently.
bool MayRead(const AccessFilter& reader, const Label& label) {
  if (reader.clearance == Classification::kNone) return false;
  if (static_cast<int>(label.classification) > static_cast<int>(reader.clearance)) return false;
  const std::set<std::string> held(reader.compartments.begin(), reader.compartments.end());
  for (const std::string& demanded : label.compartments) {
    if (held.count(demanded) == 0) return false;
  }
  if (label.groups.empty()) return true;
  const std::set<std::string> groups(reader.groups.begin(), reader.groups.end());
  for (const std::string& group : label.groups) {
    if (groups.count(group) != 0) return true;
  }
  return false;
}

std::vector<float> RandomVector(std::mt19937& random) {
  std::vector<float> vector(kDim);
  double norm = 0;
  for (float& value : vector) {
    value = std::uniform_real_distribution<float>(-1, 1)(random);
    norm += double{value} * value;
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(norm));
  return vector;
}

TermCounts RandomTerms(std::mt19937& random) {
  std::vector<TermId> terms;
  const int length = static_cast<int>(random() % 20);
  for (int i = 0; i < length; ++i) terms.push_back(1 + random() % 30);
  return CountTerms(std::move(terms));
}

struct Expected {
  std::map<uint64_t, double> scores;  // of every allowed chunk
  std::vector<double> best;           // those of the k results, in order
};

Expected BruteForce(const std::vector<ModelChunk>& chunks, const IndexQuery& query,
                    const AccessFilter& filter, size_t k) {
  std::vector<float> dense;
  std::vector<float> lexical;
  std::vector<float> coverage;
  std::vector<uint8_t> languages;
  std::vector<const ModelChunk*> visible;
  double total = 0;
  std::map<TermId, uint64_t> with_term;
  for (const ModelChunk& chunk : chunks) {
    if (!MayRead(filter, chunk.label)) continue;
    visible.push_back(&chunk);
    total += chunk.terms.length;
    for (const auto& [term, count] : chunk.terms.terms) ++with_term[term];
  }
  for (const ModelChunk* chunk : visible) {
    float cosine = 0;
    for (int32_t d = 0; d < kDim; ++d) cosine += chunk->vector[d] * query.vector[d];
    dense.push_back(cosine);
    double score = 0;
    for (const auto& [term, count] : chunk->terms.terms) {
      if (std::find(query.terms.begin(), query.terms.end(), term) == query.terms.end()) continue;
      score += InverseDocumentFrequency(visible.size(), with_term[term]) *
               TermSaturation(count, chunk->terms.length, total / visible.size());
    }
    lexical.push_back(static_cast<float>(score));
    double held = 0;
    double asked = 0;
    for (const TermId term : query.terms) {
      const double idf = InverseDocumentFrequency(visible.size(), with_term[term]);
      asked += idf;
      const auto same = [term](const auto& counted) { return counted.first == term; };
      if (std::any_of(chunk->terms.terms.begin(), chunk->terms.terms.end(), same)) held += idf;
    }
    coverage.push_back(static_cast<float>(held / asked));
    languages.push_back(chunk->language == "zh" ? 1 : 2);
  }
  Expected expected;
  if (visible.empty()) return expected;
  const std::vector<double> fused = FuseScores(dense, lexical, coverage, languages);
  for (size_t i = 0; i < visible.size(); ++i) expected.scores[visible[i]->number] = fused[i];
  const auto first = std::max_element(lexical.begin(), lexical.end()) - lexical.begin();
  const bool weak = coverage[first] < kWeakCoverage;
  for (const uint32_t i : weak ? BestOfLanguages(fused, languages, k) : BestIndexes(fused, k)) {
    expected.best.push_back(fused[i]);
  }
  return expected;
}

void ExpectSameAsBruteForce(const BaseIndex& index, const std::vector<ModelChunk>& chunks,
                            std::mt19937& random) {
  const AccessFilter filter = RandomFilter(random);
  IndexQuery query;
  query.vector = RandomVector(random);
  query.terms = {1 + random() % 30, 31 + random() % 3};
  const Expected expected = BruteForce(chunks, query, filter, 15);
  const IndexResult result = index.Search(query, 15, filter);
  ASSERT_EQ(result.chunks_allowed, static_cast<int64_t>(expected.scores.size()));
  ASSERT_EQ(result.best.size(), expected.best.size());
  for (size_t i = 0; i < result.best.size(); ++i) {
    const auto it = expected.scores.find(result.best[i].number);
    ASSERT_NE(it, expected.scores.end()) << "a chunk outside the allowed set";
    EXPECT_NEAR(result.best[i].score, it->second, 2e-4);
    EXPECT_NEAR(result.best[i].score, expected.best[i], 2e-4);
  }
}

TEST(BaseIndexTest, EqualsBruteForceWhileDocumentsComeAndGo) {
  std::mt19937 random(20261122);
  BaseIndex index(kDim);
  std::vector<ModelChunk> chunks;
  std::vector<ChunkRange> documents;
  uint64_t next = 0;
  for (int step = 0; step < 700; ++step) {
    ChunkRange removed;
    if (!documents.empty() && (random() % 3 == 0 || documents.size() > 60)) {
      const size_t victim = random() % documents.size();
      removed = documents[victim];
      documents.erase(documents.begin() + static_cast<std::ptrdiff_t>(victim));
      std::erase_if(chunks, [&](const ModelChunk& chunk) {
        return chunk.number >= removed.first && chunk.number < removed.first + removed.count;
      });
    }
    const Label label = RandomLabel(random);
    std::vector<IndexedChunk> added;
    std::vector<float> vectors;
    const uint64_t count = random() % 12;
    for (uint64_t i = 0; i < count; ++i) {
      ModelChunk chunk = {next + i, label, random() % 2 == 0 ? "zh" : "en", RandomVector(random),
                          RandomTerms(random)};
      added.push_back({chunk.number, chunk.language, chunk.terms});
      vectors.insert(vectors.end(), chunk.vector.begin(), chunk.vector.end());
      chunks.push_back(std::move(chunk));
    }
    if (count > 0) documents.push_back({next, count});
    next += count;
    index.Replace(removed, label, added, vectors);
    ASSERT_EQ(index.live_chunks(), static_cast<int64_t>(chunks.size()));
    for (int i = 0; i < 3; ++i) ExpectSameAsBruteForce(index, chunks, random);
    if (HasFatalFailure()) return;
  }
  // Enough came and went for dead slots to have been squeezed out more than once.
  EXPECT_GT(next, 3000u);
}

TEST(BaseIndexTest, ADefaultFilterOpensNothing) {
  BaseIndex index(kDim);
  std::mt19937 random(1);
  index.Replace({}, {Classification::kPublic, {}, {}}, {{0, "zh", RandomTerms(random)}},
                RandomVector(random));
  const IndexResult result = index.Search({RandomVector(random), {}}, 5, AccessFilter());
  EXPECT_EQ(result.chunks_allowed, 0);
  EXPECT_TRUE(result.best.empty());
}

TEST(BaseIndexTest, ASearchSeesAVersionWholeOrNotAtAll) {
  BaseIndex index(kDim);
  std::mt19937 random(5);
  const Label label = {Classification::kPublic, {}, {}};
  const std::vector<float> vector = RandomVector(random);
  const IndexQuery query = {vector, {}};
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const IndexResult result = index.Search(query, 10, {Classification::kPublic, {}, {}});
      EXPECT_TRUE(result.chunks_allowed == 0 || result.chunks_allowed == 3);
      std::set<uint64_t> versions;
      for (const Candidate& hit : result.best) versions.insert(hit.number / 3);
      EXPECT_LE(versions.size(), 1u);
    }
  });
  std::vector<float> vectors;
  for (int i = 0; i < 3; ++i) vectors.insert(vectors.end(), vector.begin(), vector.end());
  for (uint64_t version = 0; version < 3000; ++version) {
    std::vector<IndexedChunk> added;
    for (uint64_t i = 0; i < 3; ++i) added.push_back({version * 3 + i, "zh", TermCounts()});
    const ChunkRange removed = version == 0 ? ChunkRange() : ChunkRange{version * 3 - 3, 3};
    index.Replace(removed, label, added, vectors);
  }
  stop = true;
  reader.join();
}

TEST(CanonicalKeyTest, SetsAreEqualWhateverTheirOrderAndNeverRunTogether) {
  const auto key = [](std::vector<std::string> compartments, std::vector<std::string> groups) {
    return CanonicalKey(Classification::kSecret, std::move(compartments), std::move(groups));
  };
  EXPECT_EQ(key({"a", "b", "a"}, {}), key({"b", "a"}, {}));
  EXPECT_NE(key({"a"}, {}), key({}, {"a"}));
  EXPECT_NE(key({"a;1:b"}, {}), key({"a", "b"}, {}));
  EXPECT_NE(key({"a|0|"}, {}), key({"a"}, {"0|"}));
}

}  // namespace
}  // namespace hadal::retrieval
