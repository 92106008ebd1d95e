#include "retrieval/parse/page_image.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

constexpr int kSize = 800;
constexpr uint8_t kPaper = 225;

/// A gray picture with letter-like blocks: strokes of 5 pixels, 40 high, in level lines.
class Picture {
 public:
  Picture() : pixels_(kSize * kSize, static_cast<char>(kPaper)) {}

  void Fill(int x, int y, int width, int height, uint8_t value = 20) {
    for (int row = y; row < y + height; ++row) {
      for (int column = x; column < x + width; ++column) At(column, row) = static_cast<char>(value);
    }
  }
  void AddText() {
    for (int y = 100; y < 700; y += 80) {
      for (int x = 100; x < 700; x += 45) {
        for (int stroke = 0; stroke < 3; ++stroke) Fill(x, y + 17 * stroke, 34, 5);
        Fill(x + 15, y, 5, 40);
      }
    }
  }
  std::string Pgm() const {
    return "P5\n" + std::to_string(kSize) + " " + std::to_string(kSize) + "\n255\n" + pixels_;
  }
  char& At(int x, int y) { return pixels_[static_cast<size_t>(y * kSize + x)]; }

 private:
  std::string pixels_;
};

/// Dark pixels in a part of a PGM as large as a Picture.
int Ink(const std::string& pgm, int x, int y, int width, int height) {
  const size_t start = pgm.size() - kSize * kSize;
  int ink = 0;
  for (int row = y; row < y + height; ++row) {
    for (int column = x; column < x + width; ++column) {
      ink += static_cast<uint8_t>(pgm[start + static_cast<size_t>(row * kSize + column)]) < 128;
    }
  }
  return ink;
}

TEST(PageImageTest, RulesGoAndLettersStay) {
  Picture picture;
  picture.AddText();
  picture.Fill(60, 80, 680, 3, 120);
  picture.Fill(60, 80, 3, 640, 120);
  ASSERT_OK_AND_ASSIGN(const PageImage page, PreparePageImage(picture.Pgm(), 0));
  EXPECT_EQ(page.scale, 1);
  EXPECT_EQ(page.width, kSize);
  EXPECT_EQ(Ink(page.pgm, 50, 70, 700, 20), 0);
  EXPECT_EQ(Ink(page.pgm, 50, 70, 30, 660), 0);
  EXPECT_GT(Ink(page.pgm, 95, 95, 610, 50), 13 * 34 * 5);
}

TEST(PageImageTest, SpecksGoWhereThereAreMany) {
  std::mt19937 random(7);
  Picture noisy;
  noisy.AddText();
  for (int i = 0; i < 400; ++i) {
    noisy.Fill(static_cast<int>(random() % 780), static_cast<int>(random() % 780), 3, 3);
  }
  ASSERT_OK_AND_ASSIGN(const PageImage page, PreparePageImage(noisy.Pgm(), 0));
  // Two that touch may pass for more.
  EXPECT_LT(Ink(page.pgm, 0, 0, kSize, 90) * 10, Ink(noisy.Pgm(), 0, 0, kSize, 90));
  EXPECT_GT(Ink(page.pgm, 95, 95, 610, 50), 13 * 34 * 5);
}

TEST(PageImageTest, PointsOfACleanPageStay) {
  Picture clean;
  clean.AddText();
  clean.Fill(720, 135, 5, 5);  // a full stop far behind its line
  ASSERT_OK_AND_ASSIGN(const PageImage page, PreparePageImage(clean.Pgm(), 0));
  EXPECT_GT(Ink(page.pgm, 715, 130, 15, 15), 0);
}

TEST(PageImageTest, BlankPageHasNoPicture) {
  ASSERT_OK_AND_ASSIGN(const PageImage page, PreparePageImage(Picture().Pgm(), 0));
  EXPECT_TRUE(page.pgm.empty());
}

TEST(PageImageTest, DamagedPictureIsAnError) {
  EXPECT_STATUS(PreparePageImage("", 0), kInvalidArgument, "decoded");
  EXPECT_STATUS(PreparePageImage("\x89PNG\r\n\x1A\n....", 0), kInvalidArgument, "decoded");
  EXPECT_STATUS(PreparePageImage("II*....", 3), kInvalidArgument, "decoded");
}

TEST(PageImageTest, TurnedFourTimesIsTheSame) {
  Picture picture;
  picture.AddText();
  std::string turned = picture.Pgm();
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(turned, TurnImage(turned, 90));
    EXPECT_EQ(Ink(turned, 0, 0, kSize, kSize), Ink(picture.Pgm(), 0, 0, kSize, kSize));
  }
  EXPECT_TRUE(turned.ends_with(picture.Pgm().substr(picture.Pgm().size() - kSize * kSize)));
}

}  // namespace
}  // namespace hadal::retrieval
