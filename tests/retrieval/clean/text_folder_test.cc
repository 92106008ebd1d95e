#include "retrieval/clean/text_folder.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

class TextFolderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TextFolder::Create()); }
  std::unique_ptr<TextFolder> folder_;
};

TEST_F(TextFolderTest, FoldsWidthCaseAndScript) {
  EXPECT_EQ(folder_->Fold("ＡＢＣ１２３"), U"abc123");
  EXPECT_EQ(folder_->Fold("LC-JX"), U"lc-jx");
  EXPECT_EQ(folder_->Fold("圖書館個資保護"), U"图书馆个资保护");
  EXPECT_EQ(folder_->Fold("ｶﾞ"), U"ガ");
  EXPECT_EQ(folder_->Fold("①"), U"1");
}

TEST_F(TextFolderTest, SimplifiedTextStaysAsItIs) {
  EXPECT_EQ(folder_->Fold("主变压器检修规程，第十二条"), U"主变压器检修规程,第十二条");
}

TEST_F(TextFolderTest, DropsZeroWidthCharacters) {
  EXPECT_EQ(folder_->Fold("变\u200B压\u00AD器"), U"变压器");
}

TEST_F(TextFolderTest, ACharacterFoldsAlikeWhateverStandsBesideIt) {
  // OpenCC's phrase table keeps 乾 in 乾隆; matching needs one form everywhere.
  const std::u32string alone = folder_->Fold("乾");
  EXPECT_EQ(folder_->Fold("乾隆").substr(0, 1), alone);
  EXPECT_EQ(folder_->Fold("餅乾").substr(1, 1), alone);
}

TEST_F(TextFolderTest, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(folder_->Fold("a\xFF"), U"a\uFFFD");
  EXPECT_EQ(folder_->Fold(""), U"");
}

TEST_F(TextFolderTest, BlanksBetweenLoneChineseCharactersFoldAway) {
  EXPECT_EQ(folder_->Fold("通 知"), U"通知");
  EXPECT_EQ(folder_->Fold("目　　录：变 压 器"), U"目录:变压器");
  // Words that a person or a table separates stay apart.
  EXPECT_EQ(folder_->Fold("变压器 检修"), U"变压器 检修");
  EXPECT_EQ(folder_->Fold("甲 a 乙"), U"甲 a 乙");
  EXPECT_EQ(folder_->Fold("甲\n乙"), U"甲\n乙");
}

TEST_F(TextFolderTest, HyphensOfLineEndsFoldAway) {
  EXPECT_EQ(folder_->Fold("the Trans-\nformer"), U"the transformer");
  EXPECT_EQ(folder_->Fold("trans\u2010 former"), U"transformer");
  EXPECT_EQ(folder_->Fold("short- and long-term"), U"short- and long-term");
  EXPECT_EQ(folder_->Fold("state-of-the-art"), U"state-of-the-art");
  EXPECT_EQ(folder_->Fold("A- level, 3- phase"), U"a- level, 3- phase");
}

TEST_F(TextFolderTest, SpansLeadBackToTheOriginal) {
  const FoldedText folded = folder_->FoldWithOrigins("第Ⅷ條ﾊﾞ①　通　知");
  EXPECT_EQ(folded.text, U"第viii条バ1 通知");
  EXPECT_EQ(folded.Origin(1, 5), (TextSpan{1, 2}));  // all of Ⅷ
  EXPECT_EQ(folded.Origin(6, 7), (TextSpan{3, 5}));  // ﾊ and its mark
  EXPECT_EQ(folded.Origin(9, 11), (TextSpan{7, 10}));
  EXPECT_EQ(folded.Origin(3, 3), TextSpan());
}

/// Code points [begin, end) of valid UTF-8.
std::string Slice(const std::vector<std::string>& characters, const TextSpan& span) {
  std::string text;
  for (size_t i = span.begin; i < span.end; ++i) text += characters[i];
  return text;
}

std::u32string WithoutBreaks(std::u32string text) {
  std::erase_if(text, [](char32_t c) { return std::u32string_view(U" \t\n-\u2010").find(c) < 5; });
  return text;
}

TEST_F(TextFolderTest, EverySpanFoldsToWhatItProduced) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces = {
      "變", "压", "a",  "Ａ", "１",     "①",      "ﾊ",      "ﾞ",      "\u0301", "\u200B",
      "Ⅷ",  "ß",  "ﬁ",  "가", "\u1100", "\u1161", "😀",      "𠮷",     "㍿",     " ",
      "-",  "，", "\t", "\n", "\u00AD", "\uFE0F", "\u0345", "\uFDFA", "e",      "後"};
  for (int turn = 0; turn < 500; ++turn) {
    std::vector<std::string> characters;
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      characters.push_back(pieces[random() % pieces.size()]);
      text += characters.back();
    }
    SCOPED_TRACE(text);
    const FoldedText folded = folder_->FoldWithOrigins(text);
    ASSERT_EQ(folded.text, folder_->Fold(text));
    ASSERT_EQ(folded.origins.size(), folded.text.size());
    for (size_t begin = 0; begin < folded.text.size(); ++begin) {
      for (size_t end = begin + 1; end <= folded.text.size(); ++end) {
        const TextSpan span = folded.Origin(begin, end);
        ASSERT_LT(span.begin, span.end);
        ASSERT_LE(span.end, characters.size());
        // Alone, a blank or hyphen may stay that folds away among its neighbours.
        const std::u32string alone = WithoutBreaks(folder_->Fold(Slice(characters, span)));
        ASSERT_NE(alone.find(WithoutBreaks(folded.text.substr(begin, end - begin))),
                  std::u32string::npos);
      }
    }
  }
}

TEST_F(TextFolderTest, FoldsAsTheNormalizerDoes) {
  // ICU's own fold of the whole text, for texts without Chinese and without breaks.
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  ASSERT_TRUE(U_SUCCESS(error));
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int turn = 0; turn < 1000; ++turn) {
    icu::UnicodeString original;
    for (size_t n = random() % 8; n > 0; --n) {
      const auto c = static_cast<UChar32>(random() % (random() % 2 == 0 ? 0x3000 : 0x12000));
      if (c > ' ' && c != '-' && c != 0x2010 && c != 0x2011 && !(c >= 0x2E80 && c < 0xA000) &&
          !(c >= 0xD800 && c < 0xE000) && !(c >= 0xF900 && c < 0xFB00)) {
        original.append(c);
      }
    }
    const icu::UnicodeString expected = normalizer->normalize(original, error);
    std::string utf8;
    original.toUTF8String(utf8);
    const std::u32string folded = folder_->Fold(utf8);
    ASSERT_EQ(icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(folded.data()),
                                            static_cast<int32_t>(folded.size())),
              expected)
        << utf8;
  }
}

TEST_F(TextFolderTest, HostileTextTakesLinearTime) {
  const auto time_for = [&](size_t count) {
    double most = 0;
    for (const std::string piece : {"\u0301", "\u0323\u0301", " ", "变 ", "a- ", "ab-", "\xFF"}) {
      std::string text = "甲";
      for (size_t i = 0; i < count; ++i) text += piece;
      const std::clock_t start = std::clock();  // processor time: the machine may be busy
      folder_->FoldWithOrigins(text);
      most = std::max(most, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return most;
  };
  time_for(1000);  // warms up
  const double small = time_for(20'000);
  EXPECT_LT(time_for(160'000), 30 * small + 0.2);
}

TEST_F(TextFolderTest, SupplementaryPlaneSurvives) { EXPECT_EQ(folder_->Fold("𠮷野"), U"𠮷野"); }

}  // namespace
}  // namespace hadal::retrieval
