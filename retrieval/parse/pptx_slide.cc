#include "retrieval/parse/pptx_slide.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/docx_styles.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr int kMaxGroups = 64;
constexpr int64_t kMaxTitleCharacters = 60;
constexpr long kSmallestFont = 200;  // hundredths of a point

/// The non-visual properties of a shape, frame or group: its first child of that kind.
pugi::xml_node NonVisual(const pugi::xml_node& shape) {
  for (const pugi::xml_node& child : shape.children()) {
    if (LocalName(child).starts_with("nv")) return child;
  }
  return {};
}

/// The placeholder a shape fills; a null node for one drawn freely.
pugi::xml_node PlaceholderOf(const pugi::xml_node& shape) {
  return Child(Child(NonVisual(shape), "nvPr"), "ph");
}

bool IsTitle(const pugi::xml_node& shape) {
  const std::string_view type = AttributeOf(PlaceholderOf(shape), "type");
  return type == "title" || type == "ctrTitle";
}

/// Page numbers, dates, headers and footers, which all slides repeat, and the picture of the slide
/// on a page of notes.
bool IsFurniture(const pugi::xml_node& shape) {
  const std::string_view type = AttributeOf(PlaceholderOf(shape), "type");
  return type == "dt" || type == "ftr" || type == "hdr" || type == "sldNum" || type == "sldImg";
}

/// The number of a paragraph numbered automatically, "" for other forms of bullets.
std::string NumberLabel(std::string_view type, int32_t value) {
  struct Form {
    std::string_view prefix;
    const char* format;
  };
  static constexpr Form kForms[] = {{"arabic", "decimal"},
                                    {"alphaLc", "lowerLetter"},
                                    {"alphaUc", "upperLetter"},
                                    {"romanLc", "lowerRoman"},
                                    {"romanUc", "upperRoman"},
                                    {"ea1Ch", "chineseCounting"},
                                    {"circleNum", "decimalEnclosedCircle"}};
  for (const Form& form : kForms) {
    if (!type.starts_with(form.prefix)) continue;
    const std::string number = FormatNumber(value, form.format);
    if (type.ends_with("ParenBoth")) return "(" + number + ") ";
    if (type.ends_with("ParenR")) return number + ") ";
    return number + (type.ends_with("Period") ? ". " : " ");
  }
  return {};
}

}  // namespace

Status PptxSlideReader::ReadSlide(const pugi::xml_node& root,
                                  const OfficeParts::Relations& relations, int32_t page,
                                  OfficeParts& parts) {
  relations_ = &relations;
  parts_ = &parts;
  page_ = page;
  const pugi::xml_node tree = Child(Child(root, "cSld"), "spTree");
  std::string title;
  for (const pugi::xml_node& shape : tree.children()) {
    if (IsTitle(shape) && title.empty()) title = PlainText(Child(shape, "txBody"));
  }
  needs_title_ = !HasVisible(title);
  max_title_characters_ = kMaxTitleCharacters;
  builder_.AddHeading(title, 1, page_);
  return ReadShapes(tree, 0);
}

void PptxSlideReader::ReadNotes(const pugi::xml_node& root) {
  max_title_characters_ = 0;
  for (const pugi::xml_node& shape : Child(Child(root, "cSld"), "spTree").children()) {
    if (LocalName(shape) == "sp" && !IsFurniture(shape)) {
      ReadTextBody(Child(shape, "txBody"), /*placeholder=*/false);
    }
  }
}

Status PptxSlideReader::ReadShapes(const pugi::xml_node& tree, int depth) {
  if (depth > kMaxGroups) {
    losses_.too_deep = true;
    return OkStatus();
  }
  for (const pugi::xml_node& shape : tree.children()) {
    if (builder_.full() || losses_.too_deep) break;
    const std::string_view name = LocalName(shape);
    if (name == "AlternateContent") {
      // The same content for newer and older readers: the first is the newer.
      RETURN_IF_ERROR(ReadShapes(shape.first_child(), depth + 1));
      continue;
    }
    if (name != "sp" && name != "grpSp" && name != "graphicFrame") continue;
    if (IsFurniture(shape) || (depth == 0 && IsTitle(shape))) continue;
    // Positions inside a group are the group's own.
    if (IsTrueAttribute(Child(NonVisual(shape), "cNvPr"), "hidden") ||
        (depth == 0 && IsBeside(shape))) {
      ++losses_.hidden_shapes;
    } else if (name == "sp") {
      ReadTextBody(Child(shape, "txBody"), static_cast<bool>(PlaceholderOf(shape)));
    } else if (name == "grpSp") {
      RETURN_IF_ERROR(ReadShapes(shape, depth + 1));
    } else {
      RETURN_IF_ERROR(ReadFrame(shape));
    }
  }
  return OkStatus();
}

/// Tables, and the texts of diagrams (SmartArt), which lie in a part of their own.
Status PptxSlideReader::ReadFrame(const pugi::xml_node& frame) {
  const pugi::xml_node data = Child(Child(frame, "graphic"), "graphicData");
  if (const pugi::xml_node table = Child(data, "tbl")) ReadTable(table);
  const auto part = relations_->find(AttributeOf(Child(data, "relIds"), "dm"));
  if (part == relations_->end()) return OkStatus();
  ASSIGN_OR_RETURN(const pugi::xml_node model, parts_->Root(part->second));
  for (const pugi::xml_node& point : Child(model, "ptLst").children()) {
    const std::string_view type = AttributeOf(point, "type");
    if (type.empty() || type == "node" || type == "asst") {
      AddText(PlainText(Child(point, "t")), /*list_item=*/true);
    }
  }
  return OkStatus();
}

/// Wholly outside the slide: nobody sees it when it is shown.
bool PptxSlideReader::IsBeside(const pugi::xml_node& shape) const {
  if (width_ <= 0 || height_ <= 0) return false;
  pugi::xml_node place = Child(shape, "xfrm");
  for (const char* properties : {"spPr", "grpSpPr"}) {
    if (!place) place = Child(Child(shape, properties), "xfrm");
  }
  const pugi::xml_node offset = Child(place, "off");
  const pugi::xml_node extent = Child(place, "ext");
  if (!offset || !extent) return false;
  const int64_t x = IntAttribute(offset, "x");
  const int64_t y = IntAttribute(offset, "y");
  return x >= width_ || y >= height_ || x <= -IntAttribute(extent, "cx") ||
         y <= -IntAttribute(extent, "cy");
}

void PptxSlideReader::ReadTextBody(const pugi::xml_node& body, bool placeholder) {
  std::vector<std::pair<pugi::xml_node, std::string>> paragraphs;
  for (const pugi::xml_node& node : body.children()) {
    if (LocalName(node) != "p") continue;
    std::string text = TextOf(node);
    if (HasVisible(text)) paragraphs.emplace_back(node, std::move(text));
  }
  std::map<int64_t, int32_t> next_number;  // by level
  for (const auto& [node, text] : paragraphs) {
    const pugi::xml_node properties = Child(node, "pPr");
    const int64_t level = IntAttribute(properties, "lvl");
    const pugi::xml_node numbers = Child(properties, "buAutoNum");
    next_number.erase(next_number.upper_bound(level), next_number.end());
    if (!numbers) {
      next_number.erase(level);
      const bool bullet = Child(properties, "buChar") ||
                          (placeholder && paragraphs.size() > 1 && !Child(properties, "buNone"));
      AddText(text, bullet);
      continue;
    }
    const int32_t start = std::max(1, static_cast<int32_t>(IntAttribute(numbers, "startAt")));
    const int32_t number = next_number.try_emplace(level, start).first->second++;
    AddText(NumberLabel(AttributeOf(numbers, "type"), number) + text, /*list_item=*/true);
  }
}

void PptxSlideReader::ReadTable(const pugi::xml_node& table) {
  AddMissingTitle();
  const int32_t number = builder_.NextTable();
  bool header = IsTrueAttribute(Child(table, "tblPr"), "firstRow");
  std::vector<std::string> above;  // for cells merged downwards
  for (const pugi::xml_node& row : table.children()) {
    if (LocalName(row) != "tr" || builder_.full()) continue;
    std::vector<std::string> cells;
    size_t column = 0;
    for (const pugi::xml_node& cell : row.children()) {
      if (LocalName(cell) != "tc") continue;
      if (above.size() <= column) above.resize(column + 1);
      if (!IsTrueAttribute(cell, "vMerge")) above[column] = PlainText(Child(cell, "txBody"));
      if (!IsTrueAttribute(cell, "hMerge")) cells.push_back(above[column]);
      ++column;
    }
    builder_.AddTableRow(cells, number, std::exchange(header, false), page_);
  }
}

/// The text of a paragraph; what is written too small to be read is left out and counted.
std::string PptxSlideReader::TextOf(const pugi::xml_node& paragraph) {
  std::string text;
  for (const pugi::xml_node& node : paragraph.children()) {
    const std::string_view name = LocalName(node);
    if (name == "br") text += '\n';
    if (name != "r" && name != "fld") continue;
    const char* run = Child(node, "t").text().get();
    const std::string_view size = AttributeOf(Child(node, "rPr"), "sz");
    if (!size.empty() && IntAttribute(Child(node, "rPr"), "sz") < kSmallestFont) {
      losses_.hidden_characters += CountCharacters(run);
    } else {
      text += run;
    }
  }
  return text;
}

std::string PptxSlideReader::PlainText(const pugi::xml_node& body) {
  std::string text;
  for (const pugi::xml_node& node : body.children()) {
    if (LocalName(node) != "p") continue;
    if (!text.empty()) text += '\n';
    text += TextOf(node);
  }
  return text;
}

void PptxSlideReader::AddText(const std::string& text, bool list_item) {
  if (!HasVisible(text)) return;
  if (needs_title_ && CountCharacters(text) <= max_title_characters_) {
    needs_title_ = false;
    return builder_.AddHeading(text, 1, page_);
  }
  AddMissingTitle();
  list_item ? builder_.AddListItem(text, page_) : builder_.AddParagraph(text, page_);
}

void PptxSlideReader::AddMissingTitle() {
  if (std::exchange(needs_title_, false)) {
    builder_.AddHeading(fmt::format("Slide {}", page_), 1, page_);
  }
}

}  // namespace hadal::retrieval
