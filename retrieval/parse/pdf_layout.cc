#include "retrieval/parse/pdf_layout.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/structure_marks.h"

namespace hadal::retrieval {
namespace {

// In heights of a line of the body.
constexpr double kNewSize = 0.09;      // change of size that separates
constexpr double kHeadingSize = 0.08;  // larger than the body by this much
constexpr double kIndent = 1.2;
constexpr double kRoomCjk = 2.4;  // free space at a line's end that its margin did not cause
constexpr double kRoomLatin = 0.9;
constexpr double kWideLeading = 1.28;  // line pitch against the usual one
constexpr size_t kMaxHeadingBytes = 240;
constexpr size_t kMaxTableFragments = 6000;

/// One line, or one row of a table, in reading order.
struct FlowItem {
  PdfFragment line;
  std::vector<std::string> cells;  ///< a table row when not empty
  const PdfPage* page = nullptr;
  int32_t column = 0;  ///< running number of the region
  int32_t table = 0;
  bool table_header = false;
  double left = 0;  ///< of the column
  double right = 0;
};

/// Sizes common in the whole document.
struct BodyStyle {
  double height = 10;                   ///< of most characters
  double pitch = 1.3;                   ///< usual distance of two lines, in heights
  std::vector<double> heading_heights;  ///< largest first
};

double RoundHeight(double height) { return std::round(height * 2) / 2; }

BodyStyle MeasureBody(const std::vector<FlowItem>& flow) {
  BodyStyle body;
  std::map<double, size_t> bytes_of_height;
  for (const FlowItem& item : flow) {
    if (item.cells.empty())
      bytes_of_height[RoundHeight(item.line.height())] += item.line.text.size();
  }
  size_t most = 0;
  for (const auto& [height, bytes] : bytes_of_height) {
    if (bytes > most) {
      most = bytes;
      body.height = std::max(1.0, height);
    }
  }
  std::vector<double> pitches;
  for (size_t i = 1; i < flow.size(); ++i) {
    if (flow[i].column != flow[i - 1].column || !flow[i].cells.empty()) continue;
    const double pitch = (flow[i].line.y0 - flow[i - 1].line.y0) / body.height;
    if (pitch > 0.8 && pitch < 3.5 && RoundHeight(flow[i].line.height()) == body.height) {
      pitches.push_back(pitch);
    }
  }
  if (!pitches.empty()) {
    // The lower third: gaps between paragraphs only ever widen the pitch.
    const auto third = pitches.begin() + static_cast<std::ptrdiff_t>(pitches.size() / 3);
    std::nth_element(pitches.begin(), third, pitches.end());
    body.pitch = *third;
  }
  for (auto it = bytes_of_height.rbegin(); it != bytes_of_height.rend(); ++it) {
    if (it->first > body.height * (1 + kHeadingSize)) body.heading_heights.push_back(it->first);
  }
  return body;
}

/// Appends a region's lines and table rows.
void AppendRegion(std::vector<PdfFragment> fragments, const PdfPage& page, int32_t column,
                  const Vocabulary& vocabulary, int32_t& tables, std::vector<FlowItem>& flow) {
  double left = fragments[0].x0;
  double right = fragments[0].x1;
  for (const PdfFragment& fragment : fragments) {
    left = std::min(left, fragment.x0);
    right = std::max(right, fragment.x1);
  }
  const bool may_have_tables = fragments.size() <= kMaxTableFragments;
  const std::vector<VisualRow> rows = GroupRows(std::move(fragments));
  for (size_t i = 0; i < rows.size();) {
    FlowItem item;
    item.page = &page;
    item.column = column;
    item.left = left;
    item.right = right;
    const size_t end = may_have_tables ? FindTableEnd(rows, i) : i;
    if (end > i) {
      item.table = ++tables;
      item.table_header = true;
      for (TableRow& row : ReadTable(rows, i, end, vocabulary)) {
        item.line.x0 = left;
        item.line.x1 = right;
        item.line.y0 = row.y0;
        item.line.y1 = row.y1;
        item.cells = std::move(row.cells);
        flow.push_back(item);
        item.table_header = false;
      }
      i = end;
      continue;
    }
    item.line = rows[i].fragments.front();
    for (size_t f = 1; f < rows[i].fragments.size(); ++f) {
      item.line.text += "  " + rows[i].fragments[f].text;
      item.line.x1 = std::max(item.line.x1, rows[i].fragments[f].x1);
    }
    flow.push_back(std::move(item));
    ++i;
  }
}

std::vector<FlowItem> MakeFlow(const std::vector<PdfPage>& pages, const Vocabulary& vocabulary) {
  std::vector<FlowItem> flow;
  int32_t column = 0;
  int32_t tables = 0;
  for (const PdfPage& page : pages) {
    if (!page.fragments.empty()) {
      for (std::vector<PdfFragment>& region : SplitColumns(page)) {
        AppendRegion(std::move(region), page, ++column, vocabulary, tables, flow);
      }
    }
    for (const PdfFragment& line : page.aside) {
      AppendRegion({line}, page, ++column, vocabulary, tables, flow);
    }
  }
  return flow;
}

bool EndsSentence(char32_t c) {
  return IsCjkTerminal(c) || c == '.' || c == '!' || c == '?' || c == ':' || c == ';' ||
         c == 0xFF1A || c == 0x201D || c == 0xFF09;
}

void Extend(const PdfFragment& line, Box& box) {
  box.set_x0(std::min(box.x0(), static_cast<float>(line.x0)));
  box.set_y0(std::min(box.y0(), static_cast<float>(line.y0)));
  box.set_x1(std::max(box.x1(), static_cast<float>(line.x1)));
  box.set_y1(std::max(box.y1(), static_cast<float>(line.y1)));
}

Place PlaceOf(const FlowItem& item) {
  const PdfFragment shown = AsShown(*item.page, item.line);
  Place place(item.page->number);
  place.box.emplace();
  place.box->set_x0(static_cast<float>(shown.x0));
  place.box->set_y0(static_cast<float>(shown.y0));
  place.box->set_x1(static_cast<float>(shown.x1));
  place.box->set_y1(static_cast<float>(shown.y1));
  return place;
}

/// Collects the lines of a paragraph or heading and writes it.
class ParagraphWriter {
 public:
  ParagraphWriter(const BodyStyle& body, const Vocabulary& vocabulary, DocumentBuilder& builder)
      : body_(body), vocabulary_(vocabulary), builder_(builder) {}

  void Add(const FlowItem& item) {
    if (!item.cells.empty()) {
      Flush();
      builder_.AddTableRow(item.cells, item.table, item.table_header, PlaceOf(item));
      return;
    }
    if (last_.has_value() && !Continues(item)) {
      space_above_ = last_->column != item.column || Pitch(item) > body_.pitch * kWideLeading;
      Flush();
    }
    if (!last_.has_value()) {
      text_ = item.line.text;
      first_ = item;
      place_ = PlaceOf(item);
      lines_ = 1;
    } else {
      AppendWrapped(item.line.text, vocabulary_, text_);
      if (item.page->number == place_.page) Extend(AsShown(*item.page, item.line), *place_.box);
      ++lines_;
    }
    last_ = item;
  }

  void Flush() {
    if (!last_.has_value()) return;
    const int level = HeadingLevel();
    if (level > 0) {
      builder_.AddHeading(text_, level, place_);
    } else if (StartsListItem(text_)) {
      builder_.AddListItem(text_, place_);
    } else {
      builder_.AddParagraph(text_, place_);
    }
    last_.reset();
    text_.clear();
  }

 private:
  bool IsLarge(const PdfFragment& line) const {
    return RoundHeight(line.height()) > body_.height * (1 + kHeadingSize);
  }

  double Pitch(const FlowItem& next) const {
    return (next.line.y0 - last_->line.y0) / std::max(1.0, last_->line.height());
  }

  /// The line before ends where its margin did not make it end.
  bool EndsEarly(const FlowItem& next) const {
    const PdfFragment& line = last_->line;
    const double room = last_->right - line.x1;
    if (IsCjk(LastChar(line.text)) || IsCjk(FirstChar(next.line.text))) {
      return room > kRoomCjk * line.height();
    }
    return room > next.line.first_word_width + kRoomLatin * line.height();
  }

  bool Continues(const FlowItem& next) const {
    const double size_change = std::abs(next.line.height() - last_->line.height());
    if (size_change > kNewSize * body_.height) return false;
    const bool same_column = next.column == last_->column;
    if (IsLarge(last_->line)) {
      return same_column && Pitch(next) < 1.9 && !StartsNumbered(next.line.text) &&
             text_.size() + next.line.text.size() < kMaxHeadingBytes;
    }
    if (same_column && (Pitch(next) > body_.pitch * kWideLeading || Pitch(next) < 0)) return false;
    if (EndsEarly(next) || StartsBlock(next.line.text)) return false;
    const bool ends_sentence = EndsSentence(LastChar(last_->line.text));
    if (ends_sentence && StartsNumbered(next.line.text)) return false;
    const bool indented = next.line.x0 - next.left > kIndent * next.line.height();
    if (!same_column) return !ends_sentence && !indented && !StartsNumbered(next.line.text);
    const bool last_indented = last_->line.x0 - last_->left > kIndent * last_->line.height();
    return !indented || last_indented || StartsListItem(text_) || lines_ == 0;
  }

  /// 0 when what was collected is no heading.
  int HeadingLevel() const {
    if (text_.size() > kMaxHeadingBytes || lines_ > 4) return 0;
    const char32_t end = LastChar(text_);
    if (IsCjkTerminal(end) || end == 0xFF0C || end == ';') return 0;
    const int numbered = StructureLevel(text_);
    if (IsLarge(first_.line)) {
      if (numbered > 0) return std::min(6, numbered + 1);
      const double height = RoundHeight(first_.line.height());
      const auto rank =
          std::find(body_.heading_heights.begin(), body_.heading_heights.end(), height);
      return std::min<int>(6, 1 + static_cast<int>(rank - body_.heading_heights.begin()));
    }
    if (lines_ > 1 || numbered == 0 || end == '.' || end == 0xFF1A || end == ':') return 0;
    const bool short_line = first_.line.width() < 0.6 * (first_.right - first_.left);
    const bool sure = numbered > 1 || IsNamedDivision(text_);
    return short_line && (sure || space_above_) ? std::min(6, numbered + 1) : 0;
  }

  const BodyStyle& body_;
  const Vocabulary& vocabulary_;
  DocumentBuilder& builder_;
  std::string text_;
  FlowItem first_;
  Place place_;
  std::optional<FlowItem> last_;
  int lines_ = 0;
  bool space_above_ = true;
};

}  // namespace

void WritePages(const std::vector<PdfPage>& pages, DocumentBuilder& builder) {
  const Vocabulary vocabulary = CollectVocabulary(pages);
  const std::vector<FlowItem> flow = MakeFlow(pages, vocabulary);
  const BodyStyle body = MeasureBody(flow);
  ParagraphWriter writer(body, vocabulary, builder);
  for (const FlowItem& item : flow) {
    if (builder.full()) return;
    writer.Add(item);
  }
  writer.Flush();
}

}  // namespace hadal::retrieval
