#include "inference/tokenizer/word_piece.h"

#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<const Tokenizer> Make() {
  TokenTable table;
  table.pieces = {"[UNK]", "un", "##aff", "##able", "caf", "##e", ",", "中", "unaff"};
  table.kinds.assign(table.pieces.size(), TokenKind::kNormal);
  table.kinds[0] = TokenKind::kSpecial;
  table.unknown = 0;
  EXPECT_OK(table.Finish("test"));
  auto made = WordPiece::Create(std::move(table), {}, "test");
  EXPECT_OK(made);
  return *made;
}

TEST(WordPiece, LongestPieceFirst) {
  const auto tokenizer = Make();
  EXPECT_THAT(tokenizer->Encode("unaffable", {}), ElementsAre(8, 3));
  EXPECT_THAT(tokenizer->Encode("UNABLE, Café", {}), ElementsAre(1, 3, 6, 4, 5));
  EXPECT_THAT(tokenizer->Encode("un中中", {}), ElementsAre(1, 7, 7));
  EXPECT_THAT(tokenizer->Encode("unx", {}), ElementsAre(0));
  EXPECT_THAT(tokenizer->Encode(" \t\n", {}), ElementsAre());
  EXPECT_EQ(tokenizer->Decode({8, 3, 6, 1}, false), "unaffable, un");
}

TEST(WordPiece, LongWordsAreUnknown) {
  EXPECT_THAT(Make()->Encode(std::string(101, 'x'), {}), ElementsAre(0));
  EXPECT_THAT(Make()->Encode(std::string(2'000'000, 'x'), {}), ElementsAre(0));
}

}  // namespace
}  // namespace hadal::inference
