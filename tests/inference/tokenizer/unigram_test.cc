#include "inference/tokenizer/unigram.h"

#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "inference/tokenizer/piece_trie.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(PieceTrie, FindsEveryPrefix) {
  const PieceTrie trie({{"a", 1}, {"ab", 2}, {"abcd", 3}, {"b", 4}, {"", 9}, {"ab", 8}});
  std::vector<std::pair<size_t, int32_t>> found;
  trie.ForEachPrefix("abcde", [&](size_t length, int32_t id) { found.emplace_back(length, id); });
  EXPECT_THAT(found, ElementsAre(Pair(1, 1), Pair(2, 2), Pair(4, 3)));
  found.clear();
  trie.ForEachPrefix("xyz", [&](size_t length, int32_t id) { found.emplace_back(length, id); });
  EXPECT_TRUE(found.empty());
}

TokenTable Table(std::vector<std::string> pieces) {
  TokenTable table;
  table.pieces = {"<s>", "</s>", "<unk>"};
  table.pieces.insert(table.pieces.end(), pieces.begin(), pieces.end());
  table.kinds.assign(table.pieces.size(), TokenKind::kNormal);
  for (int32_t id = 0; id < 3; ++id) {
    table.kinds[static_cast<size_t>(id)] = TokenKind::kSpecial;
    table.added.push_back({id, table.pieces[static_cast<size_t>(id)]});
  }
  table.prefix = {0};
  table.suffix = {1};
  table.unknown = 2;
  EXPECT_OK(table.Finish("test"));
  return table;
}

TEST(Unigram, PicksTheMostProbableSplit) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                       Unigram::Create(Table({"\u2581", "a", "b", "ab", "\u2581ab", "c"}),
                                       {0, 0, 0, -1, -2, -2, -3, -5, -1},
                                       {{U'\u3000', " "}, {U'\u0007', ""}}, "test"));
  EXPECT_THAT(tokenizer->Encode("ab", {}), ElementsAre(3, 6));  // -1 -3 beats -5
  EXPECT_THAT(tokenizer->Encode("\u3000 ab", {}), ElementsAre(3, 6));
  EXPECT_THAT(tokenizer->Encode("a\u0007b", {}), ElementsAre(3, 6));
  EXPECT_THAT(tokenizer->Encode("xyz", {}), ElementsAre(3, 2));
  EXPECT_THAT(tokenizer->Encode("", {}), ElementsAre());
  EncodeOptions special;
  special.add_special = true;
  EXPECT_THAT(tokenizer->Encode("c", special), ElementsAre(0, 3, 8, 1));
  for (int32_t id : tokenizer->Encode("<s></s>", {})) EXPECT_GE(id, 2);
  EXPECT_EQ(tokenizer->Decode({0, 3, 8, 7, 1}, true), "c ab");
}

TEST(Unigram, EqualsBruteForce) {
  std::mt19937 random(11);
  const std::vector<std::string> pieces = {"\u2581", "a",   "b",  "c",      "ab",
                                           "bc",     "abc", "aa", "\u2581a"};
  for (int round = 0; round < 200; ++round) {
    std::vector<float> scores(3, 0.0f);
    for (size_t i = 0; i < pieces.size(); ++i) {
      scores.push_back(-static_cast<float>(random() % 10000) / 1000.0f);
    }
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Unigram::Create(Table(pieces), scores, {}, "test"));
    std::string text;
    for (int i = static_cast<int>(random() % 8) + 1; i > 0; --i) text += "abc"[random() % 3];
    const std::string word = "\u2581" + text;
    double best = -std::numeric_limits<double>::infinity();
    std::function<void(size_t, double)> search = [&](size_t at, double score) {
      if (at == word.size()) best = std::max(best, score);
      for (size_t i = 0; i < pieces.size(); ++i) {
        if (word.compare(at, pieces[i].size(), pieces[i]) == 0) {
          search(at + pieces[i].size(), score + scores[i + 3]);
        }
      }
    };
    search(0, 0);
    double found = 0;
    for (int32_t id : tokenizer->Encode(text, {})) found += scores[static_cast<size_t>(id)];
    EXPECT_NEAR(found, best, 1e-6) << text;
  }
}

TEST(Unigram, LongTextWithoutSpacesIsLinear) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Unigram::Create(Table({"\u2581", "a", "aa"}),
                                                             {0, 0, 0, -1, -2, -3}, {}, "test"));
  EXPECT_EQ(tokenizer->Encode(std::string(3'000'000, 'a'), {}).size(), 1'500'001u);
}

TEST(Unigram, RefusesBadTables) {
  EXPECT_STATUS(Unigram::Create(Table({"a"}), {0, 0, 0}, {}, "t"), kInvalidArgument, "scores");
  EXPECT_STATUS(
      Unigram::Create(Table({"a"}), {0, 0, 0, std::numeric_limits<float>::quiet_NaN()}, {}, "t"),
      kInvalidArgument, "finite");
  TokenTable table = Table({"a"});
  table.unknown = -1;
  EXPECT_STATUS(Unigram::Create(std::move(table), {0, 0, 0, 0}, {}, "t"), kInvalidArgument,
                "unknown");
}

TEST(PrecompiledCharsMap, SurvivesAnything) {
  EXPECT_STATUS(ParsePrecompiledCharsMap(""), kInvalidArgument, "too short");
  EXPECT_STATUS(ParsePrecompiledCharsMap(std::string("\xFF\xFF\xFF\xFF", 4)), kInvalidArgument,
                "does not fit");
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    std::string blob(4 + 1024 + 64, '\0');
    for (char& c : blob) c = static_cast<char>(random());
    const uint32_t trie_bytes = 1024;
    std::memcpy(blob.data(), &trie_bytes, 4);
    (void)ParsePrecompiledCharsMap(blob);  // no crash, no read outside (sanitizers watch)
  }
}

}  // namespace
}  // namespace hadal::inference
