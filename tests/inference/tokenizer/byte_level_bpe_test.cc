#include "inference/tokenizer/byte_level_bpe.h"

#include <algorithm>
#include <climits>
#include <map>
#include <random>

#include "base/utf8.h"
#include "inference/tokenizer/bpe_merger.h"
#include "inference/tokenizer/byte_alphabet.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

TEST(ByteAlphabet, RoundTrip) {
  std::string piece;
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    AppendUtf8(ByteAlphabet()[static_cast<size_t>(byte)], piece);
    bytes.push_back(static_cast<char>(byte));
  }
  EXPECT_EQ(BytesOfPiece(piece), bytes);
  EXPECT_EQ(BytesOfPiece("Ġa"), " a");
  EXPECT_EQ(BytesOfPiece("｜"), std::nullopt);
}

// The definition: merge the pair of lowest rank, leftmost first, until there is none.
std::vector<int32_t> MergeNaively(std::vector<int32_t> symbols,
                                  const std::map<std::pair<int32_t, int32_t>, int32_t>& merges) {
  for (;;) {
    size_t best = symbols.size();
    int32_t best_merged = INT_MAX;  // the merged id grows with the rank in these tests
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      auto it = merges.find({symbols[i], symbols[i + 1]});
      if (it != merges.end() && it->second < best_merged) {
        best = i;
        best_merged = it->second;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] = best_merged;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(BpeMerger, EqualsItsDefinition) {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    std::map<std::pair<int32_t, int32_t>, int32_t> merges;
    BpeMerger merger;
    int32_t next = 4;
    for (int rank = 0; rank < 30; ++rank) {
      const auto left = static_cast<int32_t>(random() % static_cast<uint32_t>(next));
      const auto right = static_cast<int32_t>(random() % static_cast<uint32_t>(next));
      if (!merges.emplace(std::pair(left, right), next).second) continue;
      merger.AddMerge(left, right, rank, next++);
    }
    std::vector<int32_t> symbols(random() % 90);
    for (int32_t& symbol : symbols) symbol = static_cast<int32_t>(random() % 4);
    const std::vector<int32_t> expected = MergeNaively(symbols, merges);
    std::vector<int32_t> ids;
    merger.Apply(symbols, ids);
    EXPECT_EQ(ids, expected);
  }
}

class BpeTest : public ::testing::Test {
 protected:
  // Bytes 0..255, then merges, then two special tokens.
  std::shared_ptr<const Tokenizer> Make(ByteLevelBpeOptions options) {
    TokenTable table;
    for (char32_t c : ByteAlphabet()) {
      table.pieces.emplace_back();
      AppendUtf8(c, table.pieces.back());
    }
    const std::vector<std::pair<std::string_view, std::string_view>> merges = {
        {"a", "b"}, {"ab", "c"}, {"Ġ", "x"}, {"a", "a"}};
    for (const auto& [left, right] : merges) {
      table.pieces.push_back(std::string(left) + std::string(right));
    }
    table.pieces.insert(table.pieces.end(), {"<|im_end|>", "<think>"});
    table.kinds.assign(table.pieces.size(), TokenKind::kNormal);
    table.kinds[260] = TokenKind::kSpecial;
    table.kinds[261] = TokenKind::kAdded;
    table.added = {{260, "<|im_end|>"}, {261, "<think>"}};
    EXPECT_OK(table.Finish("test"));
    auto made = ByteLevelBpe::Create(std::move(table), merges, options, "test");
    EXPECT_OK(made);
    return *made;
  }
};

TEST_F(BpeTest, MergesAndDecodes) {
  const auto tokenizer = Make({PreTokenizer::kQwen2, true, false});
  EXPECT_THAT(tokenizer->Encode("abc x", {}), ElementsAre(257, 258));
  EXPECT_EQ(tokenizer->Decode({257, 258}, false), "abc x");
  EXPECT_EQ(tokenizer->Decode({0xE4, 257}, false), "\uFFFDabc");
  EXPECT_EQ(tokenizer->Decode({-1, 9999, 257}, false), "abc");
  EXPECT_EQ(tokenizer->TokenBytes(258), " x");
  EXPECT_EQ(tokenizer->TokenBytes(260), "");
  EXPECT_EQ(tokenizer->TokenBytes(261), "<think>");
  EXPECT_EQ(tokenizer->TokenBytes(-5), "");
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(260));
}

TEST_F(BpeTest, TextNeverBecomesASpecialToken) {
  const auto tokenizer = Make({PreTokenizer::kQwen2, true, false});
  const std::string text = "a<|im_end|><think>";
  for (int32_t id : tokenizer->Encode(text, {})) EXPECT_LT(id, 260);
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text, {}), false), text);
  EncodeOptions parse;
  parse.parse_special = true;
  EXPECT_THAT(tokenizer->Encode(text, parse), ElementsAre('a', 260, 261));
  EXPECT_EQ(tokenizer->Decode({'a', 260, 261}, true), "a<think>");
}

TEST_F(BpeTest, AnyBytesRoundTripAsSanitizedText) {
  const auto tokenizer = Make({PreTokenizer::kDeepSeekV3, false, false});
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(bytes, {}), false), SanitizeUtf8(bytes));
  }
}

TEST_F(BpeTest, ComposesWhereTheModelDoes) {
  const auto composing = Make({PreTokenizer::kQwen2, true, false});
  const auto plain = Make({PreTokenizer::kQwen2, false, false});
  EXPECT_EQ(composing->Decode(composing->Encode("e\u0301", {}), false), "\u00E9");
  EXPECT_EQ(plain->Decode(plain->Encode("e\u0301", {}), false), "e\u0301");
}

TEST_F(BpeTest, OneLineOfThreeMegabytes) {
  const auto tokenizer = Make({PreTokenizer::kQwen2, true, false});
  const std::string line(3'000'000, 'a');
  EXPECT_EQ(tokenizer->Encode(line, {}).size(), 1'500'000u);
}

TEST(ByteLevelBpe, RefusesAMergeOfUnknownPieces) {
  TokenTable table;
  table.pieces = {"a", "b"};
  ASSERT_OK(table.Finish("test"));
  EXPECT_STATUS(ByteLevelBpe::Create(std::move(table), {{"a", "b"}}, {}, "test"), kInvalidArgument,
                "merge 0");
}

TEST(TokenTable, RefusesIdsOutsideTheVocabulary) {
  TokenTable table;
  table.pieces = {"a"};
  table.suffix = {1};
  EXPECT_STATUS(table.Finish("file"), kInvalidArgument, "token id 1");
  table.suffix.clear();
  table.added = {{7, "x"}};
  EXPECT_STATUS(table.Finish("file"), kInvalidArgument, "added token 7");
}

}  // namespace
}  // namespace hadal::inference
