#include "retrieval/parse/pdf_visibility.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "retrieval/parse/pdf_programs.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxPages = 20'000;
constexpr int64_t kMaxRuns = 8'000'000;
constexpr double kMaxComparisons = 5e7;  // of a page; more is no text
constexpr size_t kMaxDrawnPages = 40;    // a searchable book is not drawn as a whole
constexpr double kPaleLightness = 0.88;  // lightness that white paper may swallow
constexpr int kSameShade = 30;           // of 255
constexpr int kUniform = 40;
constexpr double kTinyHeight = 1.5;  // points

/// Perceived lightness of "#rrggbb"; black for anything else.
double Lightness(std::string_view color) {
  if (color.size() < 7 || color[0] != '#') return 0;
  const auto rgb = std::strtoul(std::string(color.substr(1, 6)).c_str(), nullptr, 16);
  const auto part = [&](int shift) { return static_cast<double>(rgb >> shift & 0xFF) / 255; };
  return 0.299 * part(16) + 0.587 * part(8) + 0.114 * part(0);
}

bool Covers(const PaintedRun& run, const PdfWord& word) {
  const double x = (word.x0 + word.x1) / 2;
  const double y = (word.y0 + word.y1) / 2;
  return x > run.x0 - 1 && x < run.x1 + 1 && y > run.y0 - 1 && y < run.y1 + 1;
}

enum class Doubt { kNone, kTiny, kPale, kUnpainted };

Doubt Judge(const PdfWord& word, const std::vector<PaintedRun>& runs) {
  if (word.y1 - word.y0 < kTinyHeight) return Doubt::kTiny;
  Doubt doubt = Doubt::kUnpainted;
  for (const PaintedRun& run : runs) {
    if (!Covers(run, word)) continue;
    if (run.lightness < kPaleLightness) return Doubt::kNone;
    doubt = Doubt::kPale;
  }
  return doubt;
}

/// The program with and without its switch for text that is not painted.
bool ReadPainted(std::string_view content, bool unpainted_too, PaintedTextReader& reader) {
  std::vector<std::string> argv = {kPdfToHtml,      "-xml",  "-i", "-stdout",
                                   "-noroundcoord", "-zoom", "1",  "-q"};
  if (unpainted_too) argv.push_back("-hidden");
  // It wants a name for its output also where it writes none.
  argv.insert(argv.end(), {"-", "unused"});
  bool within_limits = true;
  const auto result = RunProgram(
      argv, content, [&](std::string_view line) { return within_limits = reader.AddLine(line); });
  return result.ok() && within_limits && result->succeeded();
}

/// Decides the doubts about one file's words by what the pages look like, drawn when first needed.
class HiddenWords {
 public:
  HiddenWords(std::string_view content, absl::Duration page_time)
      : content_(content), page_time_(page_time) {}

  /// `page` is the index of the word's page; pages come in order.
  bool IsHidden(const PdfWord& word, Doubt doubt, size_t page, int32_t number) {
    if (doubt == Doubt::kNone || doubt == Doubt::kTiny) return doubt == Doubt::kTiny;
    // pdftohtml places some words otherwise (turned ones): those it knows nowhere are no matter.
    if (doubt == Doubt::kUnpainted && !IsKnownUnpainted(word, page)) return false;
    if (drawn_ != page) {
      drawn_ = page;
      const bool draw = ++num_drawn_ <= kMaxDrawnPages;
      pixels_ = PagePixels(draw ? DrawPage(content_, number, /*dpi=*/72, page_time_).value_or("")
                                : std::string());
    }
    const PagePixels::Range range = pixels_.Inside(word);
    if (doubt == Doubt::kPale) return range.low > 255 * kPaleLightness - kSameShade;
    return range.high - range.low < kUniform;  // no scan shows it
  }

  bool gave_up() const { return num_drawn_ > kMaxDrawnPages; }

 private:
  bool IsKnownUnpainted(const PdfWord& word, size_t page) {
    if (!asked_) ReadPainted(content_, true, with_unpainted_);
    asked_ = true;
    if (page >= with_unpainted_.pages().size()) return false;
    const std::vector<PaintedRun>& runs = with_unpainted_.pages()[page];
    return std::any_of(runs.begin(), runs.end(),
                       [&](const PaintedRun& run) { return Covers(run, word); });
  }

  const std::string_view content_;
  const absl::Duration page_time_;
  PaintedTextReader with_unpainted_;
  bool asked_ = false;
  PagePixels pixels_{""};
  size_t drawn_ = SIZE_MAX;
  size_t num_drawn_ = 0;
};

}  // namespace

bool PaintedTextReader::AddLine(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.starts_with("<page ")) {
    pages_.emplace_back();
    width_ = NumberAttribute(line, " width=\"");
    height_ = NumberAttribute(line, " height=\"");
  } else if (line.starts_with("<fontspec ")) {
    lightness_of_font_[std::string(TextAttribute(line, " id=\""))] =
        Lightness(TextAttribute(line, " color=\""));
  } else if (line.starts_with("<text ") && !pages_.empty()) {
    AddRun(line);
  }
  return pages_.size() <= kMaxPages && num_runs_ <= kMaxRuns;
}

void PaintedTextReader::AddRun(std::string_view line) {
  ++num_runs_;
  PaintedRun run;
  run.x0 = NumberAttribute(line, " left=\"");
  run.y0 = NumberAttribute(line, " top=\"");
  run.x1 = run.x0 + NumberAttribute(line, " width=\"");
  run.y1 = run.y0 + NumberAttribute(line, " height=\"");
  if (!(run.x1 >= run.x0 && run.y1 >= run.y0)) return;
  if (run.x1 < 0 || run.y1 < 0 || run.x0 > width_ || run.y0 > height_) {
    ++off_page_;
    return;
  }
  const auto font = lightness_of_font_.find(std::string(TextAttribute(line, " font=\"")));
  run.lightness = font == lightness_of_font_.end() ? 0 : font->second;
  pages_.back().push_back(run);
}

PagePixels::PagePixels(std::string pgm) : pgm_(std::move(pgm)) {
  long width = 0;
  long height = 0;
  int start = 0;
  if (std::sscanf(pgm_.c_str(), "P5 %9ld %9ld 255%n", &width, &height, &start) != 2 || start == 0) {
    return;
  }
  start_ = static_cast<size_t>(start) + 1;
  if (width <= 0 || height <= 0 || pgm_.size() < start_ ||
      pgm_.size() - start_ < static_cast<size_t>(width) * static_cast<size_t>(height)) {
    return;
  }
  width_ = width;
  height_ = height;
}

PagePixels::Range PagePixels::Inside(const PdfWord& word) const {
  if (width_ == 0) return {0, 255};
  const auto clamp = [](double at, int64_t size) {
    return std::clamp(static_cast<int64_t>(at), int64_t{0}, size - 1);
  };
  Range range{255, 0};
  for (int64_t y = clamp(word.y0, height_); y <= clamp(word.y1, height_); ++y) {
    for (int64_t x = clamp(word.x0, width_); x <= clamp(word.x1, width_); ++x) {
      const int value = static_cast<uint8_t>(pgm_[start_ + static_cast<size_t>(y * width_ + x)]);
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  return range;
}

void RemoveHiddenText(std::string_view content, absl::Duration page_time,
                      std::vector<PdfPage>& pages, DocumentBuilder& builder) {
  PaintedTextReader painted;
  if (!ReadPainted(content, false, painted) || painted.pages().size() != pages.size()) {
    builder.Warn("hidden text could not be looked for");
    return;
  }
  HiddenWords hidden_words(content, page_time);
  int64_t hidden = 0;
  for (size_t p = 0; p < pages.size(); ++p) {
    const std::vector<PaintedRun>& runs = painted.pages()[p];
    size_t words = 0;
    for (const std::vector<PdfWord>& line : pages[p].lines) words += line.size();
    if (static_cast<double>(words) * static_cast<double>(runs.size()) > kMaxComparisons) continue;
    for (std::vector<PdfWord>& line : pages[p].lines) {
      hidden += static_cast<int64_t>(std::erase_if(line, [&](const PdfWord& word) {
        return hidden_words.IsHidden(word, Judge(word, runs), p, pages[p].number);
      }));
    }
  }
  if (hidden_words.gave_up()) {
    builder.Warn(fmt::format("hidden text was looked for on the first {} doubtful pages only",
                             kMaxDrawnPages));
  }
  if (hidden + painted.off_page() == 0) return;
  builder.Warn(
      fmt::format("hidden text was left out: {} words nobody can see, {} runs off the page", hidden,
                  painted.off_page()));
}

}  // namespace hadal::retrieval
