// BM25 alone on the dev sets of CMRC 2018 (simplified) and DRCD (traditional): the right paragraph
// among all of the set, no dictionary.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "retrieval/index/lexical_search.h"
#include "retrieval/index/memory_segment.h"
#include "retrieval/rank/tokens.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

struct Recall {
  double first = 0;
  double fifth = 0;
};

/// A set in SQuAD's form, indexed.
class ReadingSet {
 public:
  explicit ReadingSet(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void Load(std::ifstream& file) {
    const nlohmann::json set = nlohmann::json::parse(file);
    for (const auto& article : set.at("data")) {
      for (const auto& paragraph : article.at("paragraphs")) AddParagraph(paragraph);
    }
  }

  Recall Measure() const {
    Recall recall;
    ::Roaring all;
    all.addRange(0, segment_.size());
    const SearchPart part = {
        &segment_, std::make_shared<const AllowedSlots>(all, total_terms_, segment_), 0};
    for (const auto& [question, slot] : questions_) {
      const LexicalSearch search(tokenizer_.QueryTerms(question), {&part, 1});
      std::vector<size_t> best;
      for (const LexicalHit& hit : search.Best(5)) best.push_back(hit.position);
      if (best.empty()) continue;
      recall.first += best.front() == slot;
      recall.fifth += std::find(best.begin(), best.end(), slot) != best.end();
    }
    recall.first /= static_cast<double>(questions_.size());
    recall.fifth /= static_cast<double>(questions_.size());
    return recall;
  }

  size_t paragraphs() const { return segment_.size(); }
  size_t questions() const { return questions_.size(); }

 private:
  void AddParagraph(const nlohmann::json& paragraph) {
    const uint32_t slot = segment_.size();
    const TermCounts counts = tokenizer_.Count(paragraph.at("context").get<std::string>());
    segment_.Add(slot, 0, counts, {});
    total_terms_ += counts.length;
    for (const auto& question : paragraph.at("qas")) {
      questions_.emplace_back(question.at("question").get<std::string>(), slot);
    }
  }

  const Tokenizer& tokenizer_;
  MemorySegment segment_{1};
  uint64_t total_terms_ = 0;
  std::vector<std::pair<std::string, uint32_t>> questions_;
};

std::ifstream OpenShared(const std::string& name) {
  return std::ifstream(SharedPath("eval/" + name));
}

TEST(ReadingSetsTest, CmrcFindsTheParagraphFirst) {
  std::ifstream file = OpenShared("cmrc2018/cmrc2018_dev.json");
  if (!file) GTEST_SKIP() << "no CMRC 2018 dev set beside the checkout";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Create());
  ReadingSet set(*tokenizer);
  set.Load(file);
  ASSERT_EQ(set.paragraphs(), 848u);
  ASSERT_EQ(set.questions(), 3219u);
  const Recall recall = set.Measure();
  std::printf("CMRC 2018 dev, BM25: R@1 %.4f R@5 %.4f\n", recall.first, recall.fifth);
  EXPECT_GE(recall.first, 0.970);
  EXPECT_GE(recall.fifth, 0.998);
}

TEST(ReadingSetsTest, DrcdFindsTraditionalText) {
  std::ifstream file = OpenShared("drcd/DRCD_dev.json");
  if (!file) GTEST_SKIP() << "no DRCD dev set beside the checkout";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Create());
  ReadingSet set(*tokenizer);
  set.Load(file);
  ASSERT_EQ(set.paragraphs(), 1000u);
  ASSERT_EQ(set.questions(), 3524u);
  const Recall recall = set.Measure();
  std::printf("DRCD dev, BM25: R@1 %.4f R@5 %.4f\n", recall.first, recall.fifth);
  EXPECT_GE(recall.first, 0.92);
  EXPECT_GE(recall.fifth, 0.985);
}

}  // namespace
}  // namespace hadal::retrieval
