#include <fcntl.h>
#include <gtest/gtest.h>
#include <leptonica/allheaders.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/subprocess.h"
#include "retrieval/chunker.h"
#include "tests/services/parser/shared_corpus.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

struct PixDeleter {
  void operator()(Pix* pix) const { pixDestroy(&pix); }
};
using PixPtr = std::unique_ptr<Pix, PixDeleter>;

/// The last page of the corpus' scan as pictures of several kinds, through the real process.
class PictureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string root = SharedCorpus();
    if (root.empty()) GTEST_SKIP() << "no shared corpus beside this checkout";
    if (::access("/usr/bin/tesseract", X_OK) != 0) GTEST_SKIP() << "tesseract is not installed";
    for (const auto& entry : LoadLines(root + "/manifest.jsonl")) {
      if (entry["format"] != "pdf-scan") continue;
      const int pages = entry["pages"];
      Draw(root + "/" + entry["file"].get<std::string>(), pages);
      ASSERT_OK_AND_ASSIGN(const std::string reference,
                           ReadFile(root + "/text/" + entry["id"].get<std::string>() + ".txt"));
      const std::string mark = "=== page " + std::to_string(pages) + " ===";
      expected_ = Fold(reference.substr(reference.find(mark) + mark.size()));
    }
    ASSERT_NE(page_, nullptr);
  }

  void Draw(const std::string& pdf, int page) {
    ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
    SubprocessOptions options;
    options.argv = {"pdftoppm",
                    "-r",
                    "200",
                    "-gray",
                    "-singlefile",
                    "-f",
                    std::to_string(page),
                    pdf,
                    folder->path() + "/page"};
    ASSERT_OK_AND_ASSIGN(Subprocess process, Subprocess::Start(options));
    ASSERT_EQ(process.Wait(), 0);
    page_.reset(pixRead((folder->path() + "/page.pgm").c_str()));
  }

  PixPtr Turned(int quarters) const { return PixPtr(pixRotateOrth(page_.get(), quarters)); }

  static std::string Encode(Pix* pix, int format) {
    uint8_t* bytes = nullptr;
    size_t size = 0;
    EXPECT_EQ(pixWriteMem(&bytes, &size, pix, format), 0);
    std::string encoded(reinterpret_cast<char*>(bytes), size);
    lept_free(bytes);
    return encoded;
  }

  internal::v1::ParsedDocument Read(const std::string& name, const std::string& content) {
    StatusOr<internal::v1::ParseOutcome> outcome = RealPool()->Parse(name, content);
    EXPECT_OK(outcome);
    EXPECT_TRUE(outcome->has_document()) << outcome->rejection().message();
    return outcome->document();
  }

  /// Four of five pieces of two characters are found.
  void ExpectRead(const std::string& text) {
    int found = 0;
    int pieces = 0;
    for (size_t at = 0; at + 6 <= expected_.size(); at += 6) {
      ++pieces;
      found += text.find(expected_.substr(at, 6)) != std::string::npos;
    }
    EXPECT_GT(pieces, 10);
    EXPECT_GE(found * 10, pieces * 8) << text << "\nexpected\n" << expected_;
  }

  PixPtr page_;
  std::string expected_;
};

TEST_F(PictureTest, Jpeg) {
  const auto document = Read("a.jpg", Encode(page_.get(), IFF_JFIF_JPEG));
  EXPECT_EQ(document.format(), "image");
  EXPECT_EQ(document.pages(), 1);
  ExpectRead(Fold(retrieval::ExtractedText(document)));
}

TEST_F(PictureTest, PngUpsideDown) {
  const auto document = Read("a.png", Encode(Turned(2).get(), IFF_PNG));
  ExpectRead(Fold(retrieval::ExtractedText(document)));
}

TEST_F(PictureTest, TiffOfTwoPages) {
  Pixa* pages = pixaCreate(2);
  pixaAddPix(pages, page_.get(), L_COPY);
  pixaAddPix(pages, Turned(1).release(), L_INSERT);
  uint8_t* bytes = nullptr;
  size_t size = 0;
  ASSERT_EQ(pixaWriteMemMultipageTiff(&bytes, &size, pages), 0);
  pixaDestroy(&pages);
  const std::string tiff(reinterpret_cast<char*>(bytes), size);
  lept_free(bytes);
  const auto document = Read("a.tif", tiff);
  EXPECT_EQ(document.pages(), 2);
  for (const int number : {1, 2}) {
    std::string text;
    for (const auto& block : document.blocks()) {
      if (block.page() == number) text += block.text();
    }
    ExpectRead(Fold(text));
  }
}

TEST_F(PictureTest, DamagedPictureIsRefused) {
  const std::string png = Encode(page_.get(), IFF_PNG);
  StatusOr<internal::v1::ParseOutcome> outcome =
      RealPool()->Parse("a.png", png.substr(0, png.size() / 2));
  ASSERT_OK(outcome);
  if (outcome->has_rejection()) {
    EXPECT_EQ(outcome->rejection().code(), "unreadable_scan");
  }
  outcome = RealPool()->Parse("a.png", png.substr(0, 40));
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_rejection());
  EXPECT_EQ(outcome->rejection().code(), "unreadable_scan");
}

}  // namespace
}  // namespace hadal::parser
