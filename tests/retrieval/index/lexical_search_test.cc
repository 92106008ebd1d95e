#include "retrieval/index/lexical_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>

#include "retrieval/index/memory_segment.h"
#include "retrieval/index/sealed_segment.h"
#include "retrieval/index/segment_writer.h"
#include "tests/retrieval/index/chunk_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

/// Chunks spread over a sealed segment and one in memory, and which of them a reader may see.
class LexicalSearchTest : public ::testing::Test {
 protected:
  void Fill(std::mt19937& random, uint32_t chunks, int most_terms, int vocabulary) {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    MemorySegment early(1);
    for (uint32_t i = 0; i < chunks; ++i) {
      chunks_.push_back(Skewed(random, most_terms, vocabulary));
      const float vector = 1;
      MemorySegment& segment = i < chunks * 2 / 3 ? early : late_;
      segment.Add(i, 0, chunks_.back(), {&vector, 1});
    }
    std::vector<uint32_t> all(early.size());
    for (uint32_t slot = 0; slot < early.size(); ++slot) all[slot] = slot;
    const SegmentIdentity identity = {1, "m", 1};
    const std::string path = folder_->path() + "/sealed";
    const std::vector<std::string> names = {""};
    ASSERT_OK(WriteSegment(path, identity, {{{&early, all}}}, {.language_names = names}));
    ASSERT_OK_AND_ASSIGN(sealed_, SealedSegment::Open(path, identity, nullptr));
  }

  // Like text: few terms are in most chunks, most in few.
  static TermCounts Skewed(std::mt19937& random, int most, int vocabulary) {
    std::vector<TermId> terms;
    std::uniform_real_distribution<> uniform;
    const int length = 1 + static_cast<int>(random() % static_cast<unsigned>(most));
    for (int i = 0; i < length; ++i) {
      terms.push_back(static_cast<TermId>(std::pow(vocabulary, uniform(random))));
    }
    return CountTerms(std::move(terms));
  }

  /// Every chunk for which may(number).
  template <typename May>
  std::vector<SearchPart> Parts(const May& may) const {
    std::vector<SearchPart> parts;
    size_t first = 0;
    for (const Segment* segment :
         {static_cast<const Segment*>(sealed_.get()), static_cast<const Segment*>(&late_)}) {
      ::Roaring slots;
      uint64_t terms = 0;
      for (uint32_t slot = 0; slot < segment->size(); ++slot) {
        if (!may(segment->numbers()[slot])) continue;
        slots.add(slot);
        terms += segment->lengths()[slot];
      }
      parts.push_back(
          {segment, std::make_shared<const AllowedSlots>(slots, terms, *segment), first});
      first = parts.back().end();
    }
    return parts;
  }

  static std::vector<size_t> All(const std::vector<SearchPart>& parts) {
    std::vector<size_t> all(parts.back().end());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  std::unique_ptr<TempDir> folder_;
  std::vector<TermCounts> chunks_;
  std::unique_ptr<SealedSegment> sealed_;
  MemorySegment late_{1};
};

TEST_F(LexicalSearchTest, EqualsTheFormulaOverTheAllowedChunksOnly) {
  std::mt19937 random(3);
  Fill(random, 400, 40, 60);
  for (int round = 0; round < 30; ++round) {
    std::vector<uint64_t> visible;
    for (uint64_t number = 0; number < chunks_.size(); ++number) {
      if (random() % 3 == 0) visible.push_back(number);
    }
    const std::vector<TermId> query = {3, 9, 17, 4711};
    const std::vector<SearchPart> parts = Parts([&](uint64_t number) {
      return std::binary_search(visible.begin(), visible.end(), number);
    });
    const std::vector<LexicalScore> scores = LexicalSearch(query, parts).Score(All(parts));
    ASSERT_EQ(scores.size(), visible.size());

    double total_length = 0;
    std::map<TermId, int> with_term;
    for (const uint64_t number : visible) {
      total_length += chunks_[number].length;
      for (const auto& [term, count] : chunks_[number].terms) ++with_term[term];
    }
    const double n_all = static_cast<double>(visible.size());
    const auto idf = [&](TermId term) {
      return std::log(1 + (n_all - with_term[term] + 0.5) / (with_term[term] + 0.5));
    };
    double all_idf = 0;
    for (const TermId term : query) all_idf += idf(term);
    for (size_t i = 0; i < visible.size(); ++i) {
      const TermCounts& chunk = chunks_[visible[i]];
      double score = 0;
      double present = 0;
      for (const auto& [term, count] : chunk.terms) {
        if (std::find(query.begin(), query.end(), term) == query.end()) continue;
        const double tf = count;
        present += idf(term);
        const double relative = chunk.length / (total_length / n_all);
        score += idf(term) * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * relative));
      }
      EXPECT_NEAR(scores[i].score, score, 1e-4);
      EXPECT_NEAR(scores[i].coverage, present / all_idf, 1e-5);
    }
  }
}

TEST_F(LexicalSearchTest, TheBestAreThoseOfTheExhaustiveSearch) {
  std::mt19937 random(4);
  Fill(random, 9000, 60, 2000);
  for (int round = 0; round < 120; ++round) {
    const unsigned one_in = 1 + random() % 4;
    const uint64_t hole = random() % chunks_.size();  // filters follow topics, too
    const std::vector<SearchPart> parts = Parts([&](uint64_t number) {
      return number * 2654435761u % 1000 < 1000 / one_in && (number < hole || number > hole + 2000);
    });
    std::vector<TermId> query;
    for (unsigned i = 0; i < 1 + random() % 12; ++i) {
      const TermId term =
          static_cast<TermId>(std::pow(2000.0, std::uniform_real_distribution<>()(random)));
      if (std::find(query.begin(), query.end(), term) == query.end()) query.push_back(term);
    }
    const LexicalSearch search(query, parts);
    const std::vector<LexicalScore> all = search.Score(All(parts));
    std::vector<LexicalHit> expected;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].score > 0) expected.push_back({i, all[i].score});
    }
    std::sort(expected.begin(), expected.end(), [](const LexicalHit& a, const LexicalHit& b) {
      return a.score != b.score ? a.score > b.score : a.position < b.position;
    });
    const size_t k = 1 + random() % 30;
    expected.resize(std::min(k, expected.size()));
    const std::vector<LexicalHit> best = search.Best(k);
    ASSERT_EQ(best.size(), expected.size());
    for (size_t i = 0; i < best.size(); ++i) {
      EXPECT_EQ(best[i].position, expected[i].position) << "round " << round << " rank " << i;
      EXPECT_EQ(best[i].score, expected[i].score);
    }
  }
}

TEST_F(LexicalSearchTest, NoTermsAndNoChunks) {
  const std::vector<TermId> one = {1};
  EXPECT_TRUE(LexicalSearch(one, {}).Best(3).empty());
  late_.Add(0, 0, CountTerms({1}), {});
  ::Roaring slots;
  slots.add(0);
  const std::vector<SearchPart> parts = {
      {&late_, std::make_shared<const AllowedSlots>(slots, 1, late_), 0}};
  const LexicalSearch search({}, parts);
  EXPECT_TRUE(search.Best(3).empty());
  ASSERT_EQ(search.Score(All(parts)).size(), 1u);
  EXPECT_EQ(search.Score(All(parts))[0].score, 0);
  EXPECT_EQ(search.Score(All(parts))[0].coverage, 0);
  EXPECT_EQ(LexicalSearch(one, parts).Best(3).size(), 1u);
}

}  // namespace
}  // namespace hadal::retrieval
