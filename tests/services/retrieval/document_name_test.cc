#include "services/retrieval/document_name.h"

#include "base/utf8.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval_service {
namespace {

TEST(DocumentNameTest, IdsAreStableAndHarmless) {
  EXPECT_EQ(DocumentIdFromFileName("a.txt"), "a.txt");
  EXPECT_EQ(DocumentIdFromFileName("./x//y/../规程.pdf"), "x/y/规程.pdf");
  EXPECT_EQ(DocumentIdFromFileName("C:\\docs\\a.txt"), "C:/docs/a.txt");
  EXPECT_EQ(DocumentIdFromFileName("/../../etc/passwd"), "etc/passwd");
  EXPECT_EQ(DocumentIdFromFileName("a\n\x1b[31m\u202Egpj.exe"), "a__[31m_gpj.exe");
  EXPECT_EQ(DocumentIdFromFileName(""), "unnamed");
  EXPECT_EQ(DocumentIdFromFileName("../.."), "unnamed");
  EXPECT_EQ(DocumentIdFromFileName("\xFF\xFE"), "__");
}

TEST(DocumentNameTest, FilesOfTwoFoldersStayApart) {
  EXPECT_NE(DocumentIdFromFileName("a/readme.md"), DocumentIdFromFileName("b/readme.md"));
}

TEST(DocumentNameTest, LongNamesAreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 400; ++i) name += "规";
  for (const std::string& cut :
       {DocumentIdFromFileName(name + ".pdf"), DisplayFileName(name + ".pdf")}) {
    EXPECT_LE(cut.size(), 500u);
    EXPECT_TRUE(IsValidUtf8(cut));
    EXPECT_TRUE(cut.ends_with("规.pdf"));
  }
}

TEST(DocumentNameTest, ShownNamesHaveNoFolders) {
  EXPECT_EQ(DisplayFileName("a/b\\c.txt"), "c.txt");
  EXPECT_EQ(DisplayFileName("a/"), "unnamed");
}

}  // namespace
}  // namespace hadal::retrieval_service
