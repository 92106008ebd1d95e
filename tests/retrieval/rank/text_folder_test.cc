#include "retrieval/clean/text_folder.h"

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

TEST_F(TextFolderTest, SupplementaryPlaneSurvives) { EXPECT_EQ(folder_->Fold("𠮷野"), U"𠮷野"); }

}  // namespace
}  // namespace hadal::retrieval
