#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "retrieval/chunker.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/ocr_page.h"
#include "retrieval/parse/pdf_layout.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parser.h"
#include "tests/retrieval/parse/seeds.h"
#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

constexpr unsigned kSeed = 20261122;
constexpr int kTurns = 400;  // of each seed

/// Flips, cuts, doubles and swaps pieces.
std::string Mutate(std::string bytes, std::mt19937& random) {
  for (size_t change = 1 + random() % 6; change > 0 && !bytes.empty(); --change) {
    const size_t at = random() % bytes.size();
    const size_t length = std::min<size_t>(1 + random() % 20, bytes.size() - at);
    switch (random() % 6) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 3: {
        const std::string piece = bytes.substr(at, length);
        bytes.insert(random() % bytes.size(), piece);
        break;
      }
      case 4:
        bytes.resize(at);
        break;
      default: {
        const std::string piece = bytes.substr(at, length);
        for (size_t n = random() % 200; n > 0; --n) bytes.insert(at, piece);
      }
    }
  }
  return bytes;
}

/// Whatever a reader returns is well-formed: valid single lines, a code and a message.
void Check(const internal::v1::ParseOutcome& outcome) {
  if (outcome.has_rejection()) {
    EXPECT_FALSE(outcome.rejection().code().empty());
    EXPECT_FALSE(outcome.rejection().message().empty());
    return;
  }
  ASSERT_TRUE(outcome.has_document());
  EXPECT_GT(outcome.document().blocks_size(), 0);
  for (const internal::v1::Block& block : outcome.document().blocks()) {
    EXPECT_FALSE(block.text().empty());
    EXPECT_TRUE(IsValidUtf8(block.text()));
    EXPECT_EQ(block.text().find_first_of("\n\r\t"), std::string::npos);
  }
  ChunkDocument(outcome.document(), ChunkerOptions());
}

TEST(MutationFuzzTest, ReadersSurviveMutatedFiles) {
  std::mt19937 random(kSeed);
  for (const Seed& seed : MakeSeeds()) {
    Check(ParseFile(seed.file_name, seed.content));
    for (int turn = 0; turn < kTurns; ++turn) {
      SCOPED_TRACE(seed.file_name + " turn " + std::to_string(turn));
      const std::string content = Mutate(seed.content, random);
      // pdftotext is fuzzed by others; a mutation hardly ever becomes a PDF anyway.
      if (!NeedsExternalPrograms(content)) Check(ParseFile(seed.file_name, content));
    }
  }
}

/// The checksums of ZIP keep mutations out of the XML: put them inside.
TEST(MutationFuzzTest, DocxReaderSurvivesMutatedParts) {
  std::mt19937 random(kSeed);
  const std::string body =
      "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId "
      "w:val=\"3\"/></w:numPr></w:pPr><w:r><w:t>x"
      "</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:vMerge/><w:gridSpan "
      "w:val=\"9\"/></w:tcPr><w:p/>"
      "</w:tc><w:tc><w:p><w:r><w:t>y</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
  const std::string numbering =
      "<n><abstractNum abstractNumId=\"5\"><lvl ilvl=\"1\"><start val=\"9\"/><numFmt "
      "val=\"decimal\"/>"
      "<lvlText val=\"%1.%2%9\"/></lvl></abstractNum><num numId=\"3\"><abstractNumId "
      "val=\"5\"/></num></n>";
  for (int turn = 0; turn < kTurns; ++turn) {
    SCOPED_TRACE(turn);
    Check(ParseDocx(
        MakeDocx(Mutate(body, random), {{"word/numbering.xml", Mutate(numbering, random)}})));
  }
}

TEST(MutationFuzzTest, WorkbookAndSlideReadersSurviveMutatedParts) {
  std::mt19937 random(kSeed);
  const std::string strings = "<sst><si><r><t>x_x000D_</t></r><rPh><t>y</t></rPh></si></sst>";
  for (int turn = 0; turn < kTurns; ++turn) {
    SCOPED_TRACE(turn);
    Check(ParseXlsx(MakeOneSheet(Mutate(SheetSeed(), random),
                                 {{"xl/styles.xml", Mutate(WorkbookStylesSeed(), random)},
                                  {"xl/sharedStrings.xml", strings}})));
    Check(ParsePptx(MakeOneSlide(Mutate(SlideSeed(), random))));
  }
}

/// A mail is taken for one by its first lines only: keep these whole.
TEST(MutationFuzzTest, MailReaderSurvivesMutatedMails) {
  std::mt19937 random(kSeed);
  for (const Seed& seed : MakeSeeds()) {
    if (seed.file_name != "a.eml") continue;
    for (int turn = 0; turn < kTurns; ++turn) {
      SCOPED_TRACE(turn);
      NestedFiles nested;
      Check(ParseEml(Mutate(seed.content, random), nested));
    }
  }
}

TEST(MutationFuzzTest, PageReaderAndLayoutSurviveAnyCoordinates) {
  std::mt19937 random(kSeed);
  for (int turn = 0; turn < kTurns; ++turn) {
    SCOPED_TRACE(turn);
    PdfPageReader reader;
    const double scale = turn % 4 == 0 ? 1e5 : 600;
    for (int page = 0; page < 3; ++page) {
      reader.AddLine("<page width=\"600\" height=\"800\">");
      for (size_t n = random() % 200; n > 0; --n) {
        const double x = std::generate_canonical<double, 32>(random) * scale;
        const double y = static_cast<double>(random() % 40) * 20;
        const std::string text = random() % 2 == 0 ? "word" : "第一条";
        reader.AddLine(Mutate(
            "<word xMin=\"" + std::to_string(x) + "\" yMin=\"" + std::to_string(y) + "\" xMax=\"" +
                std::to_string(x + static_cast<double>(random() % 200)) + "\" yMax=\"" +
                std::to_string(y + 1 + random() % 20) + "\">" + text + "</word>",
            random));
        if (random() % 3 == 0) reader.AddLine("</line>");
      }
    }
    for (PdfPage& page : reader.pages()) JoinWords(page);
    RemoveRunningText(reader.pages());
    DocumentBuilder builder("pdf");
    WritePages(reader.pages(), builder);
    const auto outcome = builder.Finish();
    if (outcome.has_document()) Check(outcome);
  }
}

TEST(MutationFuzzTest, RecognitionReaderAndLayoutSurviveAnything) {
  std::mt19937 random(kSeed);
  for (int turn = 0; turn < kTurns; ++turn) {
    SCOPED_TRACE(turn);
    OcrPageReader reader;
    for (size_t n = random() % 100; n > 0; --n) {
      const std::string row = std::to_string(4 + random() % 2) + "\t1\t1\t1\t1\t1\t" +
                              std::to_string(random() % 2500) + "\t" +
                              std::to_string(random() % 60 * 50) + "\t300\t40\t90\t时限 20,";
      reader.AddLine(Mutate(row, random));
    }
    std::vector<PdfPage> pages = {reader.ToPage(0.24)};
    RemoveRunningText(pages);
    DocumentBuilder builder("image");
    WritePages(pages, builder);
    const auto outcome = builder.Finish();
    if (outcome.has_document()) Check(outcome);
  }
}

TEST(MutationFuzzTest, PictureHeadersSurviveMutations) {
  std::mt19937 random(kSeed);
  using namespace std::string_literals;
  const std::string seeds[] = {
      "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x20\0\0\0\x20\x08\0\0\0\0CRC!\0\0\0\0IENDCRC!"s,
      "\xFF\xD8\xFF\xE0\0\x10JFIF\0\1\1\1\0\x48\0\x48\0\0\xFF\xC0\0\x0B\x08\0\x20\0\x20\1"s,
      "II*\0\x08\0\0\0\2\0\0\1\3\0\1\0\0\0\x20\0\0\0\1\1\3\0\1\0\0\0\x20\0\0\0\0\0\0\0"s};
  for (const std::string& seed : seeds) {
    for (int turn = 0; turn < kTurns; ++turn) {
      SCOPED_TRACE(turn);
      // Whatever it says, a picture is not read here: it is counted, or refused with a reason.
      const std::string content = Mutate(seed, random);
      if (!NeedsExternalPrograms(content)) Check(ParseFile("a.png", content));
    }
  }
}

}  // namespace
}  // namespace hadal::retrieval
