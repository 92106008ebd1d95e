// BM25 alone on CMRC 2018 dev: 848 paragraphs, 3,219 questions, no dictionary.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "retrieval/index/lexical_index.h"
#include "retrieval/rank/fusion.h"
#include "retrieval/rank/tokens.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

TEST(CmrcTest, FindsTheParagraphFirst) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  const std::string path =
      std::string(source == nullptr ? "." : source) + "/../shared/eval/cmrc2018/cmrc2018_dev.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no " << path;
  const nlohmann::json set = nlohmann::json::parse(file);

  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Create());
  LexicalIndex index;
  AllowedSlots allowed;
  std::vector<std::pair<std::string, uint32_t>> questions;
  for (const auto& article : set.at("data")) {
    for (const auto& paragraph : article.at("paragraphs")) {
      const uint32_t slot = static_cast<uint32_t>(allowed.slots.size());
      const TermCounts counts = tokenizer->Count(paragraph.at("context").get<std::string>());
      index.Add(slot, counts);
      allowed.slots.push_back(slot);
      allowed.position.push_back(slot);
      ++allowed.statistics.chunks;
      allowed.statistics.terms += counts.length;
      for (const auto& qa : paragraph.at("qas")) {
        questions.emplace_back(qa.at("question").get<std::string>(), slot);
      }
    }
  }
  ASSERT_EQ(allowed.slots.size(), 848u);
  ASSERT_EQ(questions.size(), 3219u);
  size_t first = 0;
  size_t fifth = 0;
  for (const auto& [question, slot] : questions) {
    const LexicalScores scores = index.Score(tokenizer->QueryTerms(question), allowed);
    const std::vector<double> as_double(scores.score.begin(), scores.score.end());
    const std::vector<uint32_t> best = BestIndexes(as_double, 5);
    first += best.front() == slot;
    fifth += std::find(best.begin(), best.end(), slot) != best.end();
  }
  const double recall1 = static_cast<double>(first) / static_cast<double>(questions.size());
  const double recall5 = static_cast<double>(fifth) / static_cast<double>(questions.size());
  std::printf("CMRC 2018 dev, BM25: R@1 %.4f R@5 %.4f\n", recall1, recall5);
  EXPECT_GE(recall1, 0.970);
  EXPECT_GE(recall5, 0.998);
}

}  // namespace
}  // namespace hadal::retrieval
