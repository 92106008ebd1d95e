#include "retrieval/parse/image_header.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "retrieval/parser.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using namespace std::string_literals;

std::string Big(uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

std::string Little(uint32_t value, int bytes) {
  const std::string big = Big(value, bytes);
  return {big.rbegin(), big.rend()};
}

std::string Chunk(const std::string& type, const std::string& data) {
  return Big(static_cast<uint32_t>(data.size()), 4) + type + data + "CRC!";
}

std::string Png(uint32_t width, uint32_t height, const std::string& more = "") {
  return "\x89PNG\r\n\x1A\n"s + Chunk("IHDR", Big(width, 4) + Big(height, 4) + "\x08\0\0\0\0"s) +
         more + Chunk("IEND", "");
}

/// A directory of width, height and resolution (at `at`), and where the next one is.
std::string Directory(uint32_t at, uint32_t width, uint32_t height, uint32_t next) {
  return Little(3, 2) + Little(256, 2) + Little(4, 2) + Little(1, 4) + Little(width, 4) +
         Little(257, 2) + Little(3, 2) + Little(1, 4) + Little(height, 4) + Little(282, 2) +
         Little(5, 2) + Little(1, 4) + Little(at + 42, 4) + Little(next, 4) + Little(600, 4) +
         Little(2, 4);
}
constexpr uint32_t kDirectoryBytes = 2 + 36 + 4 + 8;

TEST(ImageHeaderTest, Png) {
  ASSERT_OK_AND_ASSIGN(
      const auto pages,
      ReadImagePages(Png(640, 480, Chunk("pHYs", Big(11811, 4) + Big(11811, 4) + "\x01"))));
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].width, 640);
  EXPECT_EQ(pages[0].height, 480);
  EXPECT_NEAR(pages[0].dpi, 300, 0.1);
}

TEST(ImageHeaderTest, Jpeg) {
  const std::string jfif =
      "\xFF\xE0"s + Big(16, 2) + "JFIF\0\1\1\1"s + Big(200, 2) + Big(200, 2) + "\0\0"s;
  const std::string frame = "\xFF\xC2"s + Big(11, 2) + "\x08" + Big(100, 2) + Big(70, 2) + "\1...";
  ASSERT_OK_AND_ASSIGN(const auto pages, ReadImagePages("\xFF\xD8"s + jfif + "\xFF" + frame));
  EXPECT_EQ(pages[0].width, 70);
  EXPECT_EQ(pages[0].height, 100);
  EXPECT_EQ(pages[0].dpi, 200);
}

TEST(ImageHeaderTest, TiffWithTwoPages) {
  const std::string tiff = "II*\0"s + Little(8, 4) + Directory(8, 100, 200, 8 + kDirectoryBytes) +
                           Directory(8 + kDirectoryBytes, 300, 400, 0);
  ASSERT_OK_AND_ASSIGN(const auto pages, ReadImagePages(tiff));
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[1].width, 300);
  EXPECT_EQ(pages[1].height, 400);
  EXPECT_EQ(pages[1].dpi, 300);
}

TEST(ImageHeaderTest, LoopsAndEndsAreFound) {
  const std::string loop = "II*\0"s + Little(8, 4) + Directory(8, 100, 200, 8);
  EXPECT_STATUS(ReadImagePages(loop), kInvalidArgument, "loop");
  EXPECT_STATUS(ReadImagePages("MM\0*"s + Big(0xFFFFFFFF, 4)), kInvalidArgument, "beyond");
  EXPECT_STATUS(ReadImagePages("\x89PNG\r\n"), kInvalidArgument, "header");
  EXPECT_STATUS(ReadImagePages("\xFF\xD8\xFF"), kInvalidArgument, "size");
  EXPECT_STATUS(ReadImagePages(Png(0, 5)), kInvalidArgument, "size of 0");
  EXPECT_STATUS(ReadImagePages("GIF89a..."), kUnimplemented, "PNG, JPEG or TIFF");
  const std::string good = Png(640, 480);
  for (size_t size = 0; size < 29; ++size) {
    EXPECT_FALSE(ReadImagePages(good.substr(0, size)).ok()) << size;
  }
}

TEST(ImageHeaderTest, LargePicturesAreRefusedBeforeTheyAreDecoded) {
  EXPECT_EQ(Shown(ParseFile("a.png", Png(200'000, 200'000))), "! too_large");
  EXPECT_EQ(Shown(ParseFile("a.png", Png(0xFFFFFFFF, 0xFFFFFFFF))), "! too_large");
}

TEST(ImageHeaderTest, PicturesAreCountedForRecognition) {
  const auto outcome = ParseFile("a.png", Png(640, 480));
  EXPECT_EQ(Shown(outcome), "! no_text_layer");
  EXPECT_EQ(outcome.pages_to_recognize(), 1);
}

}  // namespace
}  // namespace hadal::retrieval
