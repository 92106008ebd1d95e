#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/mime_encoding.h"
#include "retrieval/parse/mime_header.h"
#include "retrieval/parse/mime_part.h"
#include "retrieval/parser.h"
#include "tests/retrieval/parse/mail_writer.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/retrieval/parse/zip_writer.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Mail(const std::string& more_header, const std::string& body) {
  return "From: a@b.example\r\nSubject: =?gb2312?B?1tDOxA==?=\r\n" + more_header + "\r\n" + body;
}

std::string ShownMail(const std::string& more_header, const std::string& body) {
  return Shown(ParseFile("m.eml", Mail(more_header, body)));
}

TEST(MimeEncodingTest, Base64AndQuotedPrintable) {
  EXPECT_EQ(DecodeBase64("YWJj\r\nZGU="), "abcde");
  EXPECT_EQ(DecodeBase64("YQ==YWI="), "aab");
  EXPECT_EQ(DecodeBase64("Y"), "");
  EXPECT_EQ(DecodeQuotedPrintable("a=3D=\r\nb= \nc=zz_=4"), "a=bc=zz_=4");
  EXPECT_EQ(DecodeQuotedPrintable("a_b=5F", /*underscores=*/true), "a b_");
}

TEST(MimeHeaderTest, EncodedWords) {
  EXPECT_EQ(DecodeFieldText("=?utf-8?B?5Lit?= =?UTF-8?b?5paH?= <a@b>"), "中文 <a@b>");
  EXPECT_EQ(DecodeFieldText("Re: =?GB2312?Q?=D6=D0_=CE=C4?="), "Re: 中 文");
  EXPECT_EQ(DecodeFieldText("=?big5?B?pKSk5Q==?="), "中文");
  // A character split between two words, which the standard forbids and mailers do.
  EXPECT_EQ(DecodeFieldText("=?utf-8?B?5Lg=?= =?utf-8?B?rQ==?="), "中");
  EXPECT_EQ(DecodeFieldText("=?no-such-set?B?YQ==?= =?x"), "a =?x");
  EXPECT_EQ(DecodeFieldText("\xD6\xD0\xCE\xC4"), "中文");
}

TEST(MimeHeaderTest, FieldsAndParameters) {
  std::string_view text = "A: 1\r\n 2\nno field\nB:x\n\nbody";
  const auto header = TakeHeader(text);
  EXPECT_EQ(FieldValue(header, "a"), "1 2");
  EXPECT_EQ(FieldValue(header, "b"), "x");
  EXPECT_EQ(text, "body");
  const MimeValue value = ParseMimeValue(
      "Attachment; name=\"=?utf-8?B?5Lit?=\"; x=\"a\\\"b;c\"; "
      "filename*0*=utf-8''%E4%B8; filename*1*=%AD; filename*2=\".txt\"; flag");
  EXPECT_EQ(value.value, "attachment");
  EXPECT_THAT(value.parameters,
              ElementsAre(Pair("filename", "中.txt"), Pair("name", "中"), Pair("x", "a\"b;c")));
}

TEST(EmlFormatTest, HeaderAndPlainBodyInItsSet) {
  const ParseOutcome outcome = ParseFile(
      "m.eml", Mail("To: =?utf-8?Q?=E5=BC=A0?= <z@b.example>\r\nDate: Thu, 12 Jun 2025 16:42:00 "
                    "+0800\r\nContent-Type: text/plain; charset=gbk\r\n",
                    "\xD5\xFD\xCE\xC4\r\n\r\nsecond"));
  EXPECT_EQ(Shown(outcome),
            "H1 中文\nP From: a@b.example\nP To: 张 <z@b.example>\n"
            "P Date: Thu, 12 Jun 2025 16:42:00 +0800\nP 正文\nP second\n");
  EXPECT_EQ(outcome.document().title(), "中文");
  EXPECT_EQ(outcome.document().format(), "eml");
}

TEST(EmlFormatTest, AlternativesTakeTheFormWithStructure) {
  const std::string plain = "Content-Type: text/plain\r\n\r\nplain";
  const std::string html =
      "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
      "\r\n<table><tr><th>=E4=B8=AD</th><th>b</th></tr></table>";
  EXPECT_THAT(Shown(ParseFile("m", Mail(Multipart("alternative", "x", {plain, html}), ""))),
              HasSubstr("example\nTH 中 | b\n"));
  const std::string invitation = "Content-Type: text/calendar; name=a.ics\r\n\r\nBEGIN";
  EXPECT_THAT(
      Shown(ParseFile("m", Mail(Multipart("alternative", "x", {plain, html, invitation}), ""))),
      HasSubstr("example\nTH 中 | b\nH1 Attachment: a.ics\n"));
  EXPECT_THAT(
      Shown(ParseFile(
          "m",
          Mail(Multipart("alternative", "x", {plain, "Content-Type: text/html\r\n\r\n<p>"}), ""))),
      HasSubstr("P plain\n"));
}

TEST(EmlFormatTest, AttachmentsBecomePartsUnderTheirNames) {
  const std::string docx = MakeDocx("<w:p><w:r><w:t>附件正文</w:t></w:r></w:p>");
  const ParseOutcome outcome = ParseFile(
      "m.eml",
      Mail(Multipart("mixed", "m",
                     {"\r\nbody", Attachment("=?utf-8?B?6KGoLmRvY3g=?=", docx),
                      Attachment("t.csv", "a,b\n1,2\n"), Attachment("h.md", "# 一\n\nx\n"),
                      Attachment("z.zip", MakeZip({{"a.txt", "x"}})),
                      "Content-Type: text/plain; charset=big5; name=b.txt\r\n\r\n\xA4\xA4\xA4\xE5",
                      "Content-Type: text/calendar\r\n\r\nBEGIN",
                      "Content-Type: image/png; name=logo.png\r\n\r\nxx", "\r\nmore"}),
           ""));
  EXPECT_EQ(Shown(outcome),
            "H1 中文\nP From: a@b.example\nP body\nP more\nH1 Attachment: 表.docx\nP 附件正文\n"
            "H1 Attachment: t.csv\nTH a | b\nT 1 | 2\nH1 Attachment: h.md\nH2 一\nP x\n"
            "H1 Attachment: z.zip\nH1 Attachment: b.txt\nP 中文\n");
  EXPECT_THAT(outcome.document().warnings(),
              ElementsAre(HasSubstr("type text/calendar"),
                          HasSubstr("z.zip was not read (archive)"), HasSubstr("1 pictures")));
}

TEST(EmlFormatTest, OddNamesOfAttachmentsAreShownClean) {
  const ParseOutcome outcome = ParseFile(
      "m.eml", Mail(Multipart("mixed", "m",
                              {"\r\nbody", Attachment("=?utf-8?B?YQrigK5nbmn/LnppcA==?=", "PK")}),
                    ""));
  ASSERT_TRUE(outcome.has_document());
  EXPECT_THAT(Shown(outcome), HasSubstr("H1 Attachment: a gni\uFFFD.zip\n"));
  EXPECT_THAT(outcome.document().warnings(0), HasSubstr("the attachment a gni\uFFFD.zip was not"));
}

TEST(EmlFormatTest, MailsInMails) {
  const std::string inner = Mail("", "inner text");
  EXPECT_THAT(
      Shown(ParseFile("m",
                      Mail(Multipart("mixed", "m",
                                     {"\r\nouter", "Content-Type: message/rfc822\r\n\r\n" + inner}),
                           ""))),
      HasSubstr("P outer\nH1 Attachment: mail.eml\nH2 中文\nP From: a@b.example\n"
                "P inner text\n"));
  std::string nested = Mail("", "innermost");
  for (int i = 0; i < 8; ++i) {
    nested = Mail("Content-Type: message/rfc822\r\n", nested);
  }
  const ParseOutcome outcome = ParseFile("m", nested);
  ASSERT_TRUE(outcome.has_document());
  EXPECT_THAT(Shown(outcome), ::testing::Not(HasSubstr("innermost")));
  EXPECT_THAT(outcome.document().warnings(0), HasSubstr("too_deep"));
}

TEST(EmlFormatTest, BoundsOnPartsDepthAndFiles) {
  std::string deep = "\r\nx";
  for (int i = 0; i < 400; ++i) deep = Multipart("mixed", "b" + std::to_string(i), {deep});
  EXPECT_EQ(Shown(ParseFile("m", Mail(deep, ""))), "! too_deep");
  EXPECT_EQ(
      Shown(ParseFile("m", Mail(Multipart("mixed", "m", std::vector<std::string>(2000)), ""))),
      "! too_many_entries");
  EXPECT_EQ(
      Shown(ParseFile("m", Mail(Multipart("mixed", "m",
                                          std::vector<std::string>(100, Attachment("a.txt", "x"))),
                                ""))),
      "! too_many_entries");
}

TEST(EmlFormatTest, CutOffAndMisdeclaredMailsKeepTheirText) {
  EXPECT_THAT(ShownMail("Content-Type: multipart/mixed; boundary=b\r\n", "--b\r\n\r\nhalf"),
              HasSubstr("P half\n"));
  EXPECT_THAT(ShownMail("Content-Type: multipart/mixed\r\n", "no boundary"),
              HasSubstr("P no boundary\n"));
}

TEST(EmlFormatTest, OnlyMailsWithAPdfNeedItsReader) {
  EXPECT_TRUE(NeedsExternalPrograms(Mail(Attachment("a.pdf", "%PDF-1.7 ..."), "")));
  EXPECT_FALSE(NeedsExternalPrograms(Mail(Attachment("a.txt", "plain"), "")));
  EXPECT_FALSE(NeedsExternalPrograms("text JVBERi0"));
}

}  // namespace
}  // namespace hadal::retrieval
