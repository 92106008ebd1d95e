#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "retrieval/chunker.h"
#include "tests/retrieval/parse/mail_writer.h"
#include "tests/services/parser/shared_corpus.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

using internal::v1::ParsedDocument;
using internal::v1::ParseOutcome;
using nlohmann::json;

/// Where tesseract is not installed, scans are refused.
bool CanRecognize() { return ::access("/usr/bin/tesseract", X_OK) == 0; }

/// Edits that make `text` of `reference`, by characters.
size_t EditDistance(const std::u32string& reference, const std::u32string& text) {
  std::vector<size_t> row(text.size() + 1);
  for (size_t i = 0; i <= text.size(); ++i) row[i] = i;
  for (size_t r = 1; r <= reference.size(); ++r) {
    size_t diagonal = row[0];
    row[0] = r;
    for (size_t i = 1; i <= text.size(); ++i) {
      const size_t replaced = diagonal + (reference[r - 1] != text[i - 1]);
      diagonal = row[i];
      row[i] = std::min({replaced, row[i] + 1, row[i - 1] + 1});
    }
  }
  return row.back();
}

std::u32string Characters(std::string_view utf8) {
  std::u32string characters;
  while (!utf8.empty()) {
    const DecodedChar c = DecodeUtf8(utf8);
    characters.push_back(c.code_point);
    utf8.remove_prefix(c.size_bytes);
  }
  return characters;
}

/// Reference text without its marks of pages, folded.
std::string FoldedReference(const std::string& reference) {
  std::string text;
  for (size_t at = 0; at < reference.size();) {
    const size_t end = std::min(reference.find('\n', at), reference.size());
    const std::string line = reference.substr(at, end - at);
    if (!line.starts_with("=== page")) text += line + "\n";
    at = end + 1;
  }
  return Fold(text);
}

/// As the scorer's: the sentence, or each of the row's cells, stands in `text`.
bool Covers(const std::string& folded, const json& support) {
  if (!support.contains("cells")) {
    return folded.find(Fold(support["text"].get<std::string>())) != std::string::npos;
  }
  for (const json& cell : support["cells"]) {
    if (folded.find(Fold(cell.get<std::string>())) == std::string::npos) return false;
  }
  return true;
}

struct Extracted {
  std::string text;
  std::vector<std::string> chunks;  // folded
  ParsedDocument document;
};

class CorpusTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = SharedCorpus();
    if (root_.empty()) return;
    const std::unique_ptr<ParserPool> pool = RealPool();
    for (const json& entry : LoadLines(root_ + "/manifest.jsonl")) {
      const std::string id = entry["id"];
      const std::string file = entry["file"];
      formats_[id] = entry["format"];
      ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(root_ + "/" + file));
      ASSERT_OK_AND_ASSIGN(outcomes_[id], pool->Parse(file, content));
      if (!outcomes_[id].has_document()) continue;
      Extracted extracted;
      extracted.document = outcomes_[id].document();
      extracted.text = Fold(retrieval::ExtractedText(extracted.document));
      for (const retrieval::Chunk& chunk :
           retrieval::ChunkDocument(extracted.document, retrieval::ChunkerOptions())) {
        extracted.chunks.push_back(Fold(chunk.text));
      }
      documents_[id] = std::move(extracted);
    }
  }

  void SetUp() override {
    if (root_.empty()) GTEST_SKIP() << "no shared corpus beside this checkout";
  }

  static inline std::string root_;
  static inline std::map<std::string, std::string> formats_;
  static inline std::map<std::string, ParseOutcome> outcomes_;
  static inline std::map<std::string, Extracted> documents_;
};

TEST_F(CorpusTest, ReadsEverySupportedFormatAndNamesTheOthers) {
  for (const auto& [id, outcome] : outcomes_) {
    if (formats_[id] != "pdf-scan" || CanRecognize()) {
      EXPECT_TRUE(outcome.has_document()) << id << ": " << outcome.rejection().message();
    } else {
      EXPECT_TRUE(outcome.has_rejection()) << id;
      EXPECT_EQ(outcome.rejection().code(), "no_text_layer") << id;
    }
  }
}

TEST_F(CorpusTest, FindsSupportsInTheTextAndWholeInOneChunk) {
  int supports = 0;
  int in_text = 0;
  int in_chunk = 0;
  for (const json& question : LoadLines(root_ + "/questions.jsonl")) {
    for (const json& support : question["support"]) {
      const auto found = documents_.find(support["document"].get<std::string>());
      if (found == documents_.end()) continue;
      ++supports;
      const bool text = Covers(found->second.text, support);
      bool chunk = false;
      for (const std::string& one : found->second.chunks) chunk = chunk || Covers(one, support);
      in_text += text;
      in_chunk += chunk;
      if (!text || !chunk) {
        std::cout << (text ? "cut:     " : "missing: ") << question["id"] << " " << found->first
                  << " " << support.dump(-1, ' ', false) << "\n";
      }
    }
  }
  std::cout << supports << " supports, " << in_text << " in the text, " << in_chunk
            << " whole in one chunk\n";
  ASSERT_GT(supports, 0);
  EXPECT_GE(in_text, supports * 98 / 100);
  EXPECT_GE(in_chunk, supports * 95 / 100);
}

/// Each line of the reference stands in what was extracted, in any order; running titles and page
/// numbers, which the reference leaves out, do not.
TEST_F(CorpusTest, AgreesWithTheReferenceTextLineByLine) {
  for (const auto& [id, extracted] : documents_) {
    if (formats_[id] == "pdf-scan") continue;  // by characters, below
    ASSERT_OK_AND_ASSIGN(const std::string reference, ReadFile(root_ + "/text/" + id + ".txt"));
    int lines = 0;
    int found = 0;
    std::string missing;
    for (size_t at = 0; at < reference.size();) {
      const size_t end = std::min(reference.find('\n', at), reference.size());
      const std::string line = reference.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("=== page") || Fold(line).empty()) continue;
      ++lines;
      if (extracted.text.find(Fold(line)) != std::string::npos) {
        ++found;
      } else {
        missing += "\n  " + line;
      }
    }
    std::cout << id << ": " << found << " of " << lines << " reference lines\n";
    // Of a PDF, lines are put together again by where their words stand.
    const int least = formats_[id] == "pdf" ? 95 : 100;
    EXPECT_GE(found * 100, lines * least) << id << " lacks:" << missing;
    // Nothing much beside the reference: boilerplate is left out. The reference of a mail begins
    // with its body, without the header.
    const size_t percent = formats_[id] == "eml" ? 120 : 110;
    EXPECT_LE(extracted.text.size(), Fold(reference).size() * percent / 100) << id;
  }
}

/// For a mail the sandbox stays open for the PDF's reader when there is a PDF in it.
TEST_F(CorpusTest, ReadsAPdfAttachedToAMail) {
  std::string pdf;
  for (const json& entry : LoadLines(root_ + "/manifest.jsonl")) {
    if (entry["id"] != "S-EN-04") continue;
    ASSERT_OK_AND_ASSIGN(pdf, ReadFile(root_ + "/" + entry["file"].get<std::string>()));
  }
  const std::string mail =
      "From: a@b.example\r\nSubject: plan\r\n" +
      retrieval::Multipart("mixed", "m", {"\r\nbody", retrieval::Attachment("plan.pdf", pdf)});
  StatusOr<ParseOutcome> outcome = RealPool()->Parse("m.eml", mail);
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_document()) << outcome->rejection().message();
  EXPECT_EQ(outcome->document().warnings_size(), 0) << outcome->document().warnings(0);
  const std::string text = Fold(retrieval::ExtractedText(outcome->document()));
  EXPECT_NE(text.find(documents_["S-EN-04"].text), std::string::npos);
}

/// Character errors of scans, tables and headings included.
TEST_F(CorpusTest, RecognizesScans) {
  if (!CanRecognize()) GTEST_SKIP() << "tesseract is not installed";
  constexpr double kMaxErrorRate = 0.08;
  int scans = 0;
  for (const auto& [id, extracted] : documents_) {
    if (formats_[id] != "pdf-scan") continue;
    ++scans;
    ASSERT_OK_AND_ASSIGN(const std::string reference, ReadFile(root_ + "/text/" + id + ".txt"));
    const std::u32string expected = Characters(FoldedReference(reference));
    const std::u32string found = Characters(extracted.text);
    const double rate =
        static_cast<double>(EditDistance(expected, found)) / static_cast<double>(expected.size());
    std::cout << id << ": character error rate " << rate << " of " << expected.size() << "\n";
    EXPECT_LT(rate, kMaxErrorRate) << id;
    for (const internal::v1::Block& block : extracted.document.blocks()) {
      EXPECT_GT(block.page(), 0) << block.text();
      EXPECT_LT(block.box().y0(), block.box().y1()) << block.text();
    }
  }
  EXPECT_GT(scans, 0);
}

/// Paragraphs stand in the order of the reference, also where a page has two columns.
TEST_F(CorpusTest, ReadsColumnsInOrder) {
  for (const auto& [id, extracted] : documents_) {
    if (formats_[id] != "pdf") continue;
    ASSERT_OK_AND_ASSIGN(const std::string reference, ReadFile(root_ + "/text/" + id + ".txt"));
    const std::string expected = FoldedReference(reference);
    size_t last = 0;
    int placed = 0;
    int out_of_order = 0;
    for (const internal::v1::Block& block : extracted.document.blocks()) {
      const std::string text = Fold(block.text());
      const size_t at = text.size() < 60 ? std::string::npos : expected.find(text);
      if (at == std::string::npos || expected.find(text, at + 1) != std::string::npos) continue;
      ++placed;
      out_of_order += at < last;
      last = at;
    }
    std::cout << id << ": " << placed << " long blocks placed, " << out_of_order
              << " out of order\n";
    EXPECT_GT(placed, 5) << id;
    EXPECT_EQ(out_of_order, 0) << id;
  }
}

TEST_F(CorpusTest, LeavesTrackedDeletionsOut) {
  const auto found = documents_.find("S-FI-01");
  ASSERT_NE(found, documents_.end());
  EXPECT_EQ(found->second.text.find(Fold("2024年12月31日")), std::string::npos);
  EXPECT_NE(found->second.text.find(Fold("2025年9月30日")), std::string::npos);
}

TEST_F(CorpusTest, FindsPagesTitlesAndEncodings) {
  for (const json& entry : LoadLines(root_ + "/manifest.jsonl")) {
    const auto found = documents_.find(entry["id"].get<std::string>());
    if (found == documents_.end()) continue;
    if (entry.contains("pages")) {
      EXPECT_EQ(found->second.document.pages(), entry["pages"].get<int>()) << found->first;
    }
    if (entry.contains("encoding")) {
      EXPECT_EQ(found->second.document.encoding(), entry["encoding"].get<std::string>());
    }
    if (entry["format"] != "txt" && entry["format"] != "csv") {
      EXPECT_FALSE(found->second.document.title().empty()) << found->first;
    }
  }
}

}  // namespace
}  // namespace hadal::parser
