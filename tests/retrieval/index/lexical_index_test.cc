#include "retrieval/index/lexical_index.h"

#include <cmath>
#include <map>
#include <random>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

AllowedSlots Allow(const LexicalIndex& index, const std::vector<uint32_t>& slots, size_t size) {
  AllowedSlots allowed;
  allowed.slots = slots;
  allowed.position.assign(size, AllowedSlots::kNone);
  for (uint32_t i = 0; i < slots.size(); ++i) {
    allowed.position[slots[i]] = i;
    allowed.statistics.terms += index.length(slots[i]);
  }
  allowed.statistics.chunks = slots.size();
  return allowed;
}

TEST(LexicalIndexTest, EqualsTheFormulaOverTheAllowedChunksOnly) {
  std::mt19937 random(3);
  constexpr size_t kChunks = 120;
  std::vector<TermCounts> chunks;
  LexicalIndex index;
  for (uint32_t slot = 0; slot < kChunks; ++slot) {
    std::vector<TermId> terms;
    const int length = 1 + static_cast<int>(random() % 40);
    for (int i = 0; i < length; ++i) terms.push_back(1 + random() % 25);
    chunks.push_back(CountTerms(terms));
    index.Add(slot, chunks.back());
  }
  for (int round = 0; round < 30; ++round) {
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < kChunks; ++slot) {
      if (random() % 3 == 0) slots.push_back(slot);
    }
    const std::vector<TermId> query = {3, 9, 17, 4711};
    const AllowedSlots allowed = Allow(index, slots, kChunks);
    const LexicalScores scores = index.Score(query, allowed);

    double total_length = 0;
    std::map<TermId, int> with_term;
    std::vector<std::map<TermId, uint32_t>> counts(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      total_length += chunks[slots[i]].length;
      for (const auto& [term, count] : chunks[slots[i]].terms) {
        counts[i][term] = count;
        ++with_term[term];
      }
    }
    const double n_all = static_cast<double>(slots.size());
    const auto idf = [&](TermId term) {
      return std::log(1 + (n_all - with_term[term] + 0.5) / (with_term[term] + 0.5));
    };
    double all_idf = 0;
    for (const TermId term : query) all_idf += idf(term);
    for (size_t i = 0; i < slots.size(); ++i) {
      double score = 0;
      double present = 0;
      for (const TermId term : query) {
        const double tf = counts[i].contains(term) ? counts[i][term] : 0;
        if (tf == 0) continue;
        present += idf(term);
        const double relative = chunks[slots[i]].length / (total_length / n_all);
        score += idf(term) * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * relative));
      }
      EXPECT_NEAR(scores.score[i], score, 1e-4);
      EXPECT_NEAR(scores.coverage[i], present / all_idf, 1e-5);
    }
  }
}

TEST(LexicalIndexTest, RenumberingForgetsAndKeeps) {
  LexicalIndex index;
  for (uint32_t slot = 0; slot < 4; ++slot) index.Add(slot, CountTerms({7, TermId{100} + slot}));
  index.Renumber({AllowedSlots::kNone, 0, AllowedSlots::kNone, 1}, 2);
  const AllowedSlots allowed = Allow(index, {0, 1}, 2);
  EXPECT_EQ(index.Score({100}, allowed).score, (std::vector<float>{0, 0}));
  EXPECT_GT(index.Score({101}, allowed).score[0], 0);
  EXPECT_GT(index.Score({103}, allowed).score[1], 0);
  EXPECT_GT(index.Score({7}, allowed).score[0], 0);
}

TEST(LexicalIndexTest, NoTermsAndNoChunks) {
  LexicalIndex index;
  EXPECT_TRUE(index.Score({1}, AllowedSlots()).score.empty());
  index.Add(0, CountTerms({1}));
  const LexicalScores scores = index.Score({}, Allow(index, {0}, 1));
  EXPECT_EQ(scores.score, std::vector<float>{0});
  EXPECT_EQ(scores.coverage, std::vector<float>{0});
}

}  // namespace
}  // namespace hadal::retrieval
