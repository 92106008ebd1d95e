// The index against a brute force that keeps every chunk in a list and knows nothing of bitmaps,
// slots, segments, files, caches or compaction.

#include "retrieval/index/base_index.h"

#include <atomic>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/check.h"
#include "retrieval/rank/fusion.h"
#include "tests/retrieval/index/chunk_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

constexpr int32_t kDim = 12;

std::unique_ptr<BaseIndex> InMemory() {
  StatusOr<std::unique_ptr<BaseIndex>> index = BaseIndex::Open({.dim = kDim});
  CHECK_OK(index.status());
  return *std::move(index);
}

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
  std::vector<uint32_t> without_vector;
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
    if (!chunk->embedded) without_vector.push_back(static_cast<uint32_t>(dense.size()));
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
  const std::vector<double> fused = FuseScores(dense, lexical, coverage, languages, without_vector);
  for (size_t i = 0; i < visible.size(); ++i) expected.scores[visible[i]->number] = fused[i];
  const auto first = std::max_element(lexical.begin(), lexical.end()) - lexical.begin();
  const bool weak = coverage[first] < kWeakCoverage;
  for (const uint32_t i : weak ? BestOfLanguages(fused, languages, k) : BestIndexes(fused, k)) {
    expected.best.push_back(fused[i]);
  }
  return expected;
}

/// A base whose documents come, go, change their label and get their vectors late, beside the list.
class Base {
 public:
  explicit Base(unsigned seed) : random_(seed) {}

  void Step(BaseIndex& index) {
    ChunkRange removed;
    if (!documents_.empty() && (random_() % 3 == 0 || documents_.size() > 60)) removed = Take();
    const Label label = RandomLabel(random_);
    const bool embedded = random_() % 4 != 0;
    std::vector<IndexedChunk> added;
    std::vector<float> vectors;
    const uint64_t count = random_() % 12;
    for (uint64_t i = 0; i < count; ++i) {
      ModelChunk chunk = {next_ + i,
                          label,
                          random_() % 2 == 0 ? "zh" : "en",
                          RandomVector(kDim, random_),
                          RandomTerms(random_),
                          embedded};
      added.push_back({chunk.number, chunk.language, chunk.terms});
      vectors.insert(vectors.end(), chunk.vector.begin(), chunk.vector.end());
      chunks_.push_back(std::move(chunk));
    }
    if (count > 0) documents_.push_back({next_, count});
    next_ += count;
    index.Replace(removed, label, added, embedded ? vectors : std::vector<float>());
    if (!documents_.empty() && random_() % 5 == 0) Relabel(index);
    if (!documents_.empty() && random_() % 2 == 0) EmbedLate(index);
  }

  void ExpectSame(const BaseIndex& index) {
    const AccessFilter filter = RandomFilter(random_);
    IndexQuery query;
    query.vector = RandomVector(kDim, random_);
    query.terms = {1 + random_() % 30, 31 + random_() % 3};
    const Expected expected = BruteForce(chunks_, query, filter, 15);
    const IndexResult result = index.Search(query, 15, filter);
    ASSERT_TRUE(result.complete);
    ASSERT_EQ(result.chunks_allowed, static_cast<int64_t>(expected.scores.size()));
    ASSERT_EQ(result.best.size(), expected.best.size());
    for (size_t i = 0; i < result.best.size(); ++i) {
      const auto it = expected.scores.find(result.best[i].number);
      ASSERT_NE(it, expected.scores.end()) << "a chunk outside the allowed set";
      EXPECT_NEAR(result.best[i].score, it->second, 2e-4);
      EXPECT_NEAR(result.best[i].score, expected.best[i], 2e-4);
    }
  }

  /// Opens the folder as after a restart, and feeds what Reconcile() asks for.
  std::unique_ptr<BaseIndex> Reopen(const BaseIndexOptions& options) {
    StatusOr<std::unique_ptr<BaseIndex>> index = BaseIndex::Open(options);
    CHECK_OK(index.status());
    std::vector<BaseIndex::LiveRange> live;
    for (const ChunkRange& document : documents_) live.push_back({document, At(document).label});
    std::sort(live.begin(), live.end(),
              [](const auto& a, const auto& b) { return a.chunks.first < b.chunks.first; });
    const BaseIndex::Missing missing = (*index)->Reconcile(live);
    fed_ = 0;
    for (const ChunkRange& range : missing.chunks) Feed(**index, range);
    return *std::move(index);
  }

  const std::vector<ModelChunk>& chunks() const { return chunks_; }
  uint64_t fed() const { return fed_; }  ///< chunks that the last Reopen() had to feed
  uint64_t next() const { return next_; }

 private:
  ModelChunk& At(ChunkRange document) {
    return *std::find_if(chunks_.begin(), chunks_.end(),
                         [&](const ModelChunk& c) { return c.number == document.first; });
  }

  ChunkRange Take() {
    const size_t victim = random_() % documents_.size();
    const ChunkRange removed = documents_[victim];
    documents_.erase(documents_.begin() + static_cast<std::ptrdiff_t>(victim));
    std::erase_if(chunks_, [&](const ModelChunk& chunk) {
      return chunk.number >= removed.first && chunk.number < removed.end();
    });
    return removed;
  }

  void Relabel(BaseIndex& index) {
    const ChunkRange document = documents_[random_() % documents_.size()];
    const Label label = RandomLabel(random_);
    for (uint64_t i = 0; i < document.count; ++i) (&At(document))[i].label = label;
    index.SetLabel(document, label);
  }

  void EmbedLate(BaseIndex& index) {
    const ChunkRange document = documents_[random_() % documents_.size()];
    std::vector<float> vectors;
    for (uint64_t i = 0; i < document.count; ++i) {
      ModelChunk& chunk = (&At(document))[i];
      chunk.embedded = true;
      vectors.insert(vectors.end(), chunk.vector.begin(), chunk.vector.end());
    }
    index.SetVectors(document, vectors);
  }

  void Feed(BaseIndex& index, ChunkRange range) {
    for (uint64_t number = range.first; number < range.end(); ++number, ++fed_) {
      const ModelChunk& chunk = At({number, 1});
      ASSERT_EQ(chunk.number, number);
      index.Replace({}, chunk.label, {{{number, chunk.language, chunk.terms}}},
                    chunk.embedded ? chunk.vector : std::vector<float>());
    }
  }

  std::mt19937 random_;
  std::vector<ModelChunk> chunks_;  // ascending
  std::vector<ChunkRange> documents_;
  uint64_t next_ = 0;
  uint64_t fed_ = 0;
};

TEST(BaseIndexTest, EqualsBruteForceWhileDocumentsComeAndGo) {
  Base base(20261122);
  const std::unique_ptr<BaseIndex> index = InMemory();
  for (int step = 0; step < 700; ++step) {
    base.Step(*index);
    ASSERT_EQ(index->live_chunks(), static_cast<int64_t>(base.chunks().size()));
    for (int i = 0; i < 3; ++i) base.ExpectSame(*index);
    if (HasFailure()) return;
  }
  // Enough came and went for dead slots to have been squeezed out more than once.
  EXPECT_GT(base.next(), 3000u);
}

TEST(BaseIndexTest, EqualsBruteForceOverSealsMergesPurgesAndRestarts) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  const BaseIndexOptions options = {
      .folder = folder->path() + "/index", .dim = kDim, .embedding_model = "m", .seal_chunks = 64};
  Base base(7);
  std::unique_ptr<BaseIndex> index = base.Reopen(options);
  std::mt19937 random(8);
  uint64_t generation = 0;
  size_t most_files = 0;
  uint64_t kept = 0;
  for (int step = 0; step < 600; ++step) {
    base.Step(*index);
    if (random() % 6 == 0) ASSERT_OK(index->Maintain());
    if (random() % 40 == 0) {
      ASSERT_OK(index->Purge());
      EXPECT_EQ(index->generation().dead_slots, 0);
    }
    if (random() % 30 == 0) {
      index.reset();
      index = base.Reopen(options);
      kept += base.chunks().size() - base.fed();
    }
    const BaseIndex::Generation now = index->generation();
    EXPECT_GE(now.number, generation);
    generation = now.number;
    most_files = std::max(most_files, now.files.size());
    ASSERT_EQ(index->live_chunks(), static_cast<int64_t>(base.chunks().size()));
    for (int i = 0; i < 2; ++i) base.ExpectSame(*index);
    if (HasFailure()) return;
  }
  EXPECT_GE(most_files, 3u);
  EXPECT_GT(kept, 0u) << "no restart found anything in the files";
}

TEST(BaseIndexTest, SearchesAndWritersGoOnWhileItIsMaintained) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  Base base(9);
  const std::unique_ptr<BaseIndex> index = base.Reopen(
      {.folder = folder->path(), .dim = kDim, .embedding_model = "m", .seal_chunks = 32});
  std::atomic<bool> stop = false;
  std::thread maintainer([&] {
    while (!stop) {
      EXPECT_OK(index->Maintain());
      EXPECT_OK(index->Purge());
    }
  });
  for (int step = 0; step < 600 && !HasFailure(); ++step) {
    base.Step(*index);
    base.ExpectSame(*index);
  }
  stop = true;
  maintainer.join();
  EXPECT_GT(index->generation().number, 10u);
}

// What a reader sees of scores must not change with what he may not see.
TEST(BaseIndexTest, HiddenDocumentsChangeNoScore) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  const std::unique_ptr<BaseIndex> index = Base(1).Reopen(
      {.folder = folder->path(), .dim = kDim, .embedding_model = "m", .seal_chunks = 50});
  std::mt19937 random(10);
  const AccessFilter reader = {Classification::kInternal, {}, {}};
  const IndexQuery query = {RandomVector(kDim, random), {3, 7, 9, 29}};
  uint64_t next = 0;
  const auto add = [&](Classification classification, int count) {
    for (int i = 0; i < count; ++i, ++next) {
      index->Replace({}, {classification, {}, {}},
                     {{{next, random() % 2 ? "zh" : "en", RandomTerms(random)}}},
                     RandomVector(kDim, random));
    }
  };
  add(Classification::kPublic, 120);
  const IndexResult before = index->Search(query, 20, reader);
  ASSERT_EQ(before.best.size(), 20u);
  for (int round = 0; round < 6; ++round) {
    add(Classification::kSecret, 40);
    ASSERT_OK(index->Maintain());
    const IndexResult after = index->Search(query, 20, reader);
    EXPECT_EQ(after.chunks_allowed, 120);
    ASSERT_EQ(after.best.size(), before.best.size());
    for (size_t i = 0; i < before.best.size(); ++i) {
      EXPECT_EQ(after.best[i].number, before.best[i].number);
      EXPECT_EQ(after.best[i].score, before.best[i].score);
      EXPECT_EQ(after.best[i].lexical, before.best[i].lexical);
      EXPECT_EQ(after.best[i].dense, before.best[i].dense);
    }
  }
}

TEST(BaseIndexTest, ADefaultFilterOpensNothing) {
  const std::unique_ptr<BaseIndex> index = InMemory();
  std::mt19937 random(1);
  index->Replace({}, {Classification::kPublic, {}, {}}, {{{0, "zh", RandomTerms(random)}}},
                 RandomVector(kDim, random));
  const IndexResult result = index->Search({RandomVector(kDim, random), {}}, 5, AccessFilter());
  EXPECT_EQ(result.chunks_allowed, 0);
  EXPECT_TRUE(result.best.empty());
}

TEST(BaseIndexTest, ASearchSeesAVersionWholeOrNotAtAll) {
  const std::unique_ptr<BaseIndex> index = InMemory();
  std::mt19937 random(5);
  const Label label = {Classification::kPublic, {}, {}};
  const std::vector<float> vector = RandomVector(kDim, random);
  const IndexQuery query = {vector, {}};
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const IndexResult result = index->Search(query, 10, {Classification::kPublic, {}, {}});
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
    index->Replace(removed, label, added, vectors);
  }
  stop = true;
  reader.join();
}

TEST(BaseIndexTest, OptionsOutOfRangeAreRefused) {
  for (const BaseIndexOptions& options :
       {BaseIndexOptions{.dim = 0}, BaseIndexOptions{.dim = 1, .seal_chunks = 0},
        BaseIndexOptions{.dim = 1, .embedding_model = std::string(256, 'm')},
        BaseIndexOptions{.dim = 1, .max_dead_share = 0}}) {
    EXPECT_EQ(BaseIndex::Open(options).status().code(), StatusCode::kInvalidArgument);
  }
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
