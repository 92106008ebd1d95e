#include "retrieval/parser.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/retrieval/parse/outcome_text.h"
#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

using namespace std::string_literals;

TEST(ParserTest, ContentDecidesNotTheName) {
  EXPECT_EQ(Shown(ParseFile("a.pdf", "\x89PNG\r\n\x1A\n....")), "! damaged");
  EXPECT_EQ(Shown(ParseFile("a.txt", "<!DOCTYPE html><p>x</p>")), "P x\n");
  EXPECT_EQ(Shown(ParseFile("a.md", "# x")), "H1 x\n");
  EXPECT_EQ(Shown(ParseFile("a.txt", "# x")), "P # x\n");
  EXPECT_EQ(Shown(ParseFile("a.pdf", "x")), "! damaged");
  EXPECT_EQ(Shown(ParseFile("a", "")), "! empty");
}

TEST(ParserTest, MailsAndTables) {
  EXPECT_EQ(Shown(ParseFile("m.eml", "From: a@b\nSubject: x\nDate: y\n\nbody")),
            "H1 x\nP From: a@b\nP Date: y\nP body\n");
  EXPECT_EQ(Shown(ParseFile("t.csv", "a,b\n1,2\n")), "TH a | b\nT 1 | 2\n");
  // A long header is cut where detection stops reading: its last line may lack its colon.
  EXPECT_EQ(Shown(ParseFile("m", "From: a\nTo: b\nReferences: " + std::string(4054, 'x') +
                                     "\nX-Long-Name: c\n\nbody")),
            "P From: a\nP To: b\nP body\n");
}

TEST(ParserTest, ArchivesAreToBeUnpacked) {
  EXPECT_EQ(Shown(ParseFile("a.zip", MakeZip({{"a.txt", "x"}}))), "! archive");
  EXPECT_EQ(Shown(ParseFile("a.gz", "\x1F\x8B\x08"s)), "! archive");
  EXPECT_EQ(Shown(ParseFile("a.tar", std::string(257, 'a') + "ustar\0"s + std::string(300, '\0'))),
            "! archive");
}

TEST(ParserTest, NamesTheFormatsItCannotRead) {
  EXPECT_EQ(Shown(ParseFile("x", "{\\rtf1 abc}")), "! unsupported_format");
  EXPECT_EQ(Shown(ParseFile("x.doc", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 zzz"s)),
            "! unsupported_format");
  const std::string name = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"s;
  EXPECT_EQ(Shown(ParseFile("x.docx", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 "s + name)),
            "! password_protected");
}

TEST(ParserTest, OrdinaryTextIsNotMistaken) {
  EXPECT_EQ(Shown(ParseFile("a.txt", "BM is a word\n")), "P BM is a word\n");
  EXPECT_EQ(Shown(ParseFile("a.txt", "Note: 1\nFrom: here\n")), "P Note: 1\nP From: here\n");
  EXPECT_EQ(Shown(ParseFile("a.txt", "if a < b and b > c\n")), "P if a < b and b > c\n");
}

TEST(ParserTest, TruncatedPdf) {
  EXPECT_EQ(Shown(ParseFile("a.pdf", "%PDF-1.4\n1 0 obj<<>>endobj")), "! truncated");
  EXPECT_TRUE(NeedsExternalPrograms("junk %PDF-1.4"));
  EXPECT_FALSE(NeedsExternalPrograms(std::string(2000, ' ') + "%PDF-1.4"));
}

}  // namespace
}  // namespace hadal::retrieval
