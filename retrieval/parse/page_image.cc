#include "retrieval/parse/page_image.h"

#include <leptonica/allheaders.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

namespace hadal::retrieval {
namespace {

constexpr double kGoodHeight = 40;   // pixels of a letter that recognition likes
constexpr double kSmallHeight = 26;  // below, the picture is enlarged
constexpr double kMaxScale = 4;
constexpr double kMaxScaledPixels = 64e6;
constexpr float kMinSkew = 0.1F;  // degrees
constexpr float kMinSkewConfidence = 3;
constexpr int kMinSpecks = 30;  // fewer lone dots are no noise

struct PixDeleter {
  void operator()(Pix* pix) const { pixDestroy(&pix); }
};
using PixPtr = std::unique_ptr<Pix, PixDeleter>;

struct BoxaDeleter {
  void operator()(Boxa* boxes) const { boxaDestroy(&boxes); }
};
using BoxaPtr = std::unique_ptr<Boxa, BoxaDeleter>;

/// 8 bits of gray on white ground; null when it cannot be decoded.
PixPtr DecodeGray(std::string_view content, int index) {
  setMsgSeverity(L_SEVERITY_NONE);
  const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
  PixPtr pix(content.starts_with("II") || content.starts_with("MM")
                 ? pixReadMemTiff(bytes, content.size(), index)
                 : pixReadMem(bytes, content.size()));
  if (pix == nullptr) return nullptr;
  if (pixGetSpp(pix.get()) == 4) {
    constexpr uint32_t kWhite = 0xFFFFFF00;
    pix.reset(pixAlphaBlendUniform(pix.get(), kWhite));
  }
  return PixPtr(pix == nullptr ? nullptr : pixConvertTo8(pix.get(), /*cmapflag=*/0));
}

/// Paper becomes white whatever its shade, and what is little darker than paper too.
PixPtr WhitenPaper(PixPtr gray) {
  const PixPtr level(pixBackgroundNormSimple(gray.get(), nullptr, nullptr));
  if (level == nullptr) return gray;        // too small a picture
  constexpr int kBlack = 60, kWhite = 178;  // of paper at 200
  PixPtr clear(pixGammaTRC(nullptr, level.get(), 1.0F, kBlack, kWhite));
  return clear == nullptr ? std::move(gray) : std::move(clear);
}

constexpr int kInk = 200;
constexpr int kFaintInk = 245;

PixPtr FindInk(Pix* gray, int darker_than = kInk) {
  return PixPtr(pixThresholdToBinary(gray, darker_than));
}

std::vector<Box> Components(Pix* ink) {
  const BoxaPtr boxes(pixConnCompBB(ink, /*connectivity=*/8));
  std::vector<Box> components;
  const int count = boxes == nullptr ? 0 : boxaGetCount(boxes.get());
  for (int i = 0; i < count; ++i) {
    Box box = {};
    boxaGetBoxGeometry(boxes.get(), i, &box.x, &box.y, &box.w, &box.h);
    components.push_back(box);
  }
  return components;
}

/// Height of most of the ink, in pixels; 0 without any that could be letters.
double LetterHeight(const std::vector<Box>& components) {
  std::vector<double> ink_of_height(201, 0);
  double total = 0;
  for (const Box& box : components) {
    if (box.h < 6 || box.h > 200 || box.w > 4 * box.h) continue;
    ink_of_height[static_cast<size_t>(box.h)] += box.w;
    total += box.w;
  }
  double sum = 0;
  for (size_t height = 0; height < ink_of_height.size(); ++height) {
    sum += ink_of_height[height];
    if (sum * 2 > total) return static_cast<double>(height);
  }
  return 0;
}

int Size(const Box& box) { return std::max(box.w, box.h); }

/// Up to which size dots are noise. A page with many dots far from all letters has them between its
/// letters too; a page without them keeps every point and comma. 0 for none.
int SpeckSize(const std::vector<Box>& components, int width, int height, double letter) {
  const int near = static_cast<int>(letter / 2);
  const PixPtr occupied(pixCreate(width, height, 1));
  if (occupied == nullptr) return 0;
  for (const Box& box : components) {
    if (Size(box) * 4 <= letter) continue;
    pixRasterop(occupied.get(), box.x - near, box.y - near, box.w + 2 * near, box.h + 2 * near,
                PIX_SET, nullptr, 0, 0);
  }
  std::vector<int> lone;
  for (const Box& box : components) {
    uint32_t taken = 0;
    if (Size(box) * 4 > letter) continue;
    pixGetPixel(occupied.get(), box.x + box.w / 2, box.y + box.h / 2, &taken);
    if (taken == 0) lone.push_back(Size(box));
  }
  if (lone.size() < kMinSpecks) return 0;
  const auto most = lone.begin() + static_cast<std::ptrdiff_t>(lone.size() * 95 / 100);
  std::nth_element(lone.begin(), most, lone.end());
  return *most;
}

/// White where `mask` has ink, and a pixel or two around it.
void Erase(Pix* gray, Pix* mask, int around) {
  const PixPtr wider(pixDilateBrick(nullptr, mask, 2 * around + 1, 2 * around + 1));
  if (wider != nullptr) pixSetMasked(gray, wider.get(), 255);
}

void EraseSpecks(Pix* gray, Pix* ink, const std::vector<Box>& components, int size) {
  const PixPtr specks(pixCreateTemplate(ink));
  if (specks == nullptr) return;
  for (const Box& box : components) {
    if (Size(box) > size) continue;
    pixRasterop(specks.get(), box.x, box.y, box.w, box.h, PIX_SRC, ink, box.x, box.y);
  }
  const PixPtr letters(pixSubtract(nullptr, ink, specks.get()));
  const PixPtr halo(pixDilateBrick(nullptr, specks.get(), 5, 5));
  if (letters == nullptr || halo == nullptr) return;
  const PixPtr kept(pixDilateBrick(nullptr, letters.get(), 3, 3));
  if (kept == nullptr) return;
  pixSubtract(halo.get(), halo.get(), kept.get());
  pixSetMasked(gray, halo.get(), 255);
}

/// Lines of tables and forms, which recognition takes for letters.
void EraseRules(Pix* gray, Pix* ink, double letter) {
  const int length = std::max(60, static_cast<int>(3 * letter));
  for (const bool horizontal : {true, false}) {
    const PixPtr rules(
        pixOpenBrick(nullptr, ink, horizontal ? length : 1, horizontal ? 1 : length));
    if (rules != nullptr) Erase(gray, rules.get(), 2);
  }
}

/// Turns text lines level, by a few degrees at most.
PixPtr Deskew(PixPtr gray, Pix* ink) {
  float degrees = 0;
  float confidence = 0;
  if (pixFindSkew(ink, &degrees, &confidence) != 0 || confidence < kMinSkewConfidence ||
      std::abs(degrees) < kMinSkew) {
    return gray;
  }
  const float radians = degrees * static_cast<float>(M_PI) / 180;
  PixPtr level(pixRotate(gray.get(), radians, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0));
  return level == nullptr ? std::move(gray) : std::move(level);
}

StatusOr<std::string> ToPnm(Pix* pix) {
  uint8_t* bytes = nullptr;
  size_t size = 0;
  if (pixWriteMemPnm(&bytes, &size, pix) != 0) return ResourceExhausted("no memory for a picture");
  std::string pnm(reinterpret_cast<char*>(bytes), size);
  lept_free(bytes);
  return pnm;
}

}  // namespace

StatusOr<PageImage> PreparePageImage(std::string_view content, int index) {
  PixPtr gray = DecodeGray(content, index);
  if (gray == nullptr) return InvalidArgument("the picture cannot be decoded");
  PageImage page;
  gray = WhitenPaper(std::move(gray));
  page.width = pixGetWidth(gray.get());
  page.height = pixGetHeight(gray.get());
  PixPtr ink = FindInk(gray.get());
  if (ink == nullptr) return ResourceExhausted("no memory to clean the picture");
  double letter = LetterHeight(Components(ink.get()));
  if (letter == 0) return page;
  if (letter < kSmallHeight) {
    page.scale = std::min({kGoodHeight / letter, kMaxScale,
                           std::sqrt(kMaxScaledPixels / (page.width * page.height))});
    const auto factor = static_cast<float>(page.scale);
    gray.reset(pixScaleGrayLI(gray.get(), factor, factor));
    if (gray == nullptr) return ResourceExhausted("no memory to enlarge the picture");
    ink = FindInk(gray.get());
    letter *= page.scale;
  }
  gray = Deskew(std::move(gray), ink.get());
  ink = FindInk(gray.get(), kFaintInk);
  EraseRules(gray.get(), ink.get(), letter);
  ink = FindInk(gray.get());
  const std::vector<Box> components = Components(ink.get());
  const int speck = SpeckSize(components, pixGetWidth(ink.get()), pixGetHeight(ink.get()), letter);
  if (speck > 0) EraseSpecks(gray.get(), ink.get(), components, speck);
  ASSIGN_OR_RETURN(page.pgm, ToPnm(gray.get()));
  return page;
}

StatusOr<std::string> TurnImage(std::string_view pgm, int degrees) {
  const PixPtr pix(pixReadMem(reinterpret_cast<const uint8_t*>(pgm.data()), pgm.size()));
  if (pix == nullptr) return InvalidArgument("the picture cannot be decoded");
  const PixPtr turned(pixRotateOrth(pix.get(), degrees / 90));
  if (turned == nullptr) return ResourceExhausted("no memory to turn the picture");
  return ToPnm(turned.get());
}

}  // namespace hadal::retrieval
