#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/docx_styles.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_parts.h"
#include "retrieval/parse/table_grid.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

// Real documents stay below 40 levels; each level costs one stack frame of ours.
constexpr int kMaxDepth = 400;
constexpr int kSmallestFont = 4;  // half points: two points

constexpr const char* kDocument = "word/document.xml";
constexpr const char* kStyles = "word/styles.xml";
constexpr const char* kNumbering = "word/numbering.xml";
constexpr const char* kFootnotes = "word/footnotes.xml";
constexpr const char* kEndnotes = "word/endnotes.xml";

/// A colour behind the letters, where `properties` are of a run, paragraph, cell or table.
bool IsShaded(const pugi::xml_node& properties) {
  const pugi::xml_node shading = Child(properties, "shd");
  const std::string_view fill = AttributeOf(shading, "fill");
  return shading && !(fill.empty() || fill == "auto" || fill == "FFFFFF");
}

/// Something may be painted behind the page's text: a page colour, a picture behind the letters.
bool MayPaintPage(const pugi::xml_node& document) {
  return static_cast<bool>(document.find_node([](const pugi::xml_node& node) {
    const std::string_view name = LocalName(node);
    return name == "background" || name == "pict" ||
           (name == "anchor" && IsTrueAttribute(node, "behindDoc"));
  }));
}

bool IsDeletion(std::string_view name) { return name == "del" || name == "moveFrom"; }

class DocxReader {
 public:
  explicit DocxReader(DocumentBuilder& builder) : builder_(builder) {}

  void LoadStyles(const pugi::xml_node& root) { styles_.Load(root); }
  void LoadNumbering(const pugi::xml_node& root) { numbering_.Load(root); }
  void LoadNotes(const pugi::xml_node& root, bool endnotes) {
    for (const pugi::xml_node& note : root.children()) {
      if (!AttributeOf(note, "type").empty()) continue;  // separators
      notes_[(endnotes ? "e" : "f") + std::string(AttributeOf(note, "id"))] = note;
    }
  }

  void ReadBody(const pugi::xml_node& document) {
    on_paper_ = !MayPaintPage(document);
    ReadBlocks(Child(document, "body"), 0);
  }
  bool too_deep() const { return too_deep_; }
  int64_t hidden_characters() const { return hidden_characters_; }
  bool saw_tracked() const { return saw_tracked_; }

 private:
  /// What a paragraph refers to and is written after it.
  struct Attachments {
    std::vector<pugi::xml_node> text_boxes;
    std::vector<pugi::xml_node> notes;
  };

  bool Deeper(int depth) {
    too_deep_ = too_deep_ || depth >= kMaxDepth;
    return !too_deep_ && !builder_.full();
  }

  void ReadBlocks(const pugi::xml_node& parent, int depth) {
    if (!Deeper(depth)) return;
    for (const pugi::xml_node& node : parent.children()) {
      const std::string_view name = LocalName(node);
      if (name == "p") {
        ReadParagraph(node, depth + 1);
      } else if (name == "tbl") {
        ReadTable(node, depth + 1);
      } else if (IsDeletion(name)) {
        saw_tracked_ = true;
      } else if (name == "AlternateContent") {
        ReadBlocks(node.first_child(), depth + 1);
      } else if (name == "sdt" || name == "sdtContent" || name == "ins" || name == "moveTo" ||
                 name == "customXml" || name == "smartTag") {
        ReadBlocks(node, depth + 1);
      }
    }
  }

  void ReadParagraph(const pugi::xml_node& paragraph, int depth) {
    const pugi::xml_node properties = Child(paragraph, "pPr");
    const DocxStyle& style = styles_.Find(ChildValue(properties, "pStyle"));
    Attachments attachments;
    std::string text;
    ReadRunningText(paragraph, depth, text, attachments);
    if (style.hidden) hidden_characters_ += CountCharacters(std::exchange(text, {}));
    const pugi::xml_node numbers = Child(properties, "numPr");
    std::string number_id = std::string(ChildValue(numbers, "numId"));
    int32_t number_level = style.number_level;
    if (number_id.empty()) number_id = style.number_id;
    if (const std::string_view level = ChildValue(numbers, "ilvl"); !level.empty()) {
      number_level = std::atoi(std::string(level).c_str());
    }
    const bool numbered = !number_id.empty() && number_id != "0";
    const bool has_text = text.find_first_not_of(" \t\n") != std::string::npos;
    if (has_text) {
      text = std::exchange(note_label_, std::string()) + text;
      if (numbered) {
        const std::string label = numbering_.NextLabel(number_id, number_level);
        if (!label.empty()) text = label + " " + text;
      }
      if (style.heading_level > 0) {
        builder_.AddHeading(text, style.heading_level);
      } else if (numbered) {
        builder_.AddListItem(text);
      } else {
        builder_.AddParagraph(text);
      }
    }
    const bool paper = std::exchange(on_paper_, false);  // a box may have any colour
    for (const pugi::xml_node& box : attachments.text_boxes) ReadBlocks(box, depth + 1);
    on_paper_ = paper;
    for (const pugi::xml_node& note : attachments.notes) {
      note_label_ = "[" + std::to_string(++num_notes_) + "] ";
      ReadBlocks(note, depth + 1);
    }
  }

  /// Appends the running text of a paragraph, seen against the paragraph's own background.
  void ReadRunningText(const pugi::xml_node& paragraph, int depth, std::string& text,
                       Attachments& attachments) {
    const pugi::xml_node properties = Child(paragraph, "pPr");
    const bool shaded =
        IsShaded(properties) || styles_.Find(ChildValue(properties, "pStyle")).shaded;
    const bool paper = std::exchange(on_paper_, on_paper_ && !shaded);
    ReadInline(paragraph, depth, text, attachments);
    on_paper_ = paper;
  }

  /// Marked as hidden, too small to be read, or white on the white of the page.
  bool IsHidden(const pugi::xml_node& run) const {
    const pugi::xml_node vanish = Child(run, "vanish");
    if (vanish ? IsOn(run, "vanish") : styles_.Find(ChildValue(run, "rStyle")).hidden) return true;
    const std::string_view size = ChildValue(run, "sz");
    if (!size.empty() && std::atoi(std::string(size).c_str()) < kSmallestFont) return true;
    return on_paper_ && ChildValue(run, "color") == "FFFFFF" && !Child(run, "highlight") &&
           !IsShaded(run) && !styles_.Find(ChildValue(run, "rStyle")).shaded;
  }

  /// Appends the running text below `node`.
  void ReadInline(const pugi::xml_node& parent, int depth, std::string& text,
                  Attachments& attachments) {
    if (!Deeper(depth)) return;
    for (const pugi::xml_node& node : parent.children()) {
      const std::string_view name = LocalName(node);
      if (name == "t") {
        text += node.text().get();
      } else if (name == "tab" || name == "ptab") {
        if (LocalName(parent) == "r") text += '\t';
      } else if (name == "br" || name == "cr") {
        text += '\n';
      } else if (name == "noBreakHyphen") {
        text += '-';
      } else if (IsDeletion(name)) {
        saw_tracked_ = true;
      } else if (name == "r" && IsHidden(Child(node, "rPr"))) {
        std::string hidden;
        Attachments unread;
        ReadInline(node, depth + 1, hidden, unread);
        hidden_characters_ += CountCharacters(hidden);
      } else if (name == "txbxContent") {
        attachments.text_boxes.push_back(node);
      } else if (name == "footnoteReference" || name == "endnoteReference") {
        AddNote(name == "endnoteReference", AttributeOf(node, "id"), attachments);
      } else if (name == "AlternateContent") {
        // The same content twice, for newer and older readers: the first is the newer.
        ReadInline(node.first_child(), depth + 1, text, attachments);
      } else if (!SkipsInline(name)) {
        ReadInline(node, depth + 1, text, attachments);
      }
    }
  }

  static bool SkipsInline(std::string_view name) {
    return name == "pPr" || name == "rPr" || name == "instrText" || name == "delText" ||
           name == "rt" || name == "sdtPr" || name == "fldData" || name == "tbl" ||
           name == "docPr" || name == "posOffset" || name == "align" || name == "binData" ||
           name == "pctWidth" || name == "pctHeight";
  }

  void AddNote(bool endnote, std::string_view id, Attachments& attachments) {
    const auto note = notes_.find((endnote ? "e" : "f") + std::string(id));
    if (note == notes_.end()) return;
    attachments.notes.push_back(note->second);
    notes_.erase(note);  // written once, also when referred to twice or by itself
  }

  void ReadTable(const pugi::xml_node& table, int depth) {
    if (!Deeper(depth)) return;
    const int32_t number = builder_.NextTable();
    std::vector<std::string> above;  // by grid column, for vertically merged cells
    const pugi::xml_node properties = Child(table, "tblPr");
    const bool shaded =
        IsShaded(properties) || styles_.Find(ChildValue(properties, "tblStyle")).shaded;
    const bool paper = std::exchange(on_paper_, on_paper_ && !shaded);
    ReadRows(table, number, depth, above);
    on_paper_ = paper;
  }

  void ReadRows(const pugi::xml_node& parent, int32_t table, int depth,
                std::vector<std::string>& above) {
    if (!Deeper(depth)) return;
    for (const pugi::xml_node& row : parent.children()) {
      const std::string_view name = LocalName(row);
      if (name == "sdt" || name == "sdtContent" || name == "ins" || name == "customXml") {
        ReadRows(row, table, depth + 1, above);
      }
      if (name != "tr") continue;
      const pugi::xml_node properties = Child(row, "trPr");
      if (Child(properties, "del")) {
        saw_tracked_ = true;
        continue;
      }
      ReadRow(row, table, IsOn(properties, "tblHeader"), depth + 1, above);
    }
  }

  void ReadRow(const pugi::xml_node& row, int32_t table, bool header, int depth,
               std::vector<std::string>& above) {
    std::vector<pugi::xml_node> cells;
    CollectCells(row, depth, cells);
    // A row of one cell frames ordinary text; so does a cell around another table.
    if (cells.size() == 1) {
      const bool paper = std::exchange(on_paper_, on_paper_ && !IsShaded(Child(cells[0], "tcPr")));
      ReadBlocks(cells[0], depth + 1);
      on_paper_ = paper;
      return;
    }
    std::vector<std::string> texts;
    size_t column = 0;
    constexpr size_t kMaxColumns = 1024;
    for (const pugi::xml_node& cell : cells) {
      const pugi::xml_node properties = Child(cell, "tcPr");
      const pugi::xml_node merge = Child(properties, "vMerge");
      std::string text;
      if (merge && AttributeOf(merge, "val") != "restart" && column < above.size()) {
        text = above[column];
      } else {
        const bool paper = std::exchange(on_paper_, on_paper_ && !IsShaded(properties));
        ReadCell(cell, depth + 1, text);
        on_paper_ = paper;
      }
      if (column >= kMaxColumns) break;
      if (above.size() <= column) above.resize(column + 1);
      above[column] = text;
      texts.push_back(std::move(text));
      const int span = std::atoi(std::string(ChildValue(properties, "gridSpan")).c_str());
      column += static_cast<size_t>(span < 1 ? 1 : span > 64 ? 64 : span);
    }
    builder_.AddTableRow(texts, table, header);
  }

  void CollectCells(const pugi::xml_node& parent, int depth, std::vector<pugi::xml_node>& cells) {
    if (!Deeper(depth)) return;
    for (const pugi::xml_node& node : parent.children()) {
      const std::string_view name = LocalName(node);
      if (name == "tc") cells.push_back(node);
      if (name == "sdt" || name == "sdtContent" || name == "customXml") {
        CollectCells(node, depth + 1, cells);
      }
    }
  }

  /// The text of a cell on one line; nested tables and notes included.
  void ReadCell(const pugi::xml_node& parent, int depth, std::string& text) {
    if (!Deeper(depth)) return;
    for (const pugi::xml_node& node : parent.children()) {
      const std::string_view name = LocalName(node);
      if (name == "p") {
        Attachments attachments;
        if (!text.empty()) text += '\n';
        ReadRunningText(node, depth + 1, text, attachments);
        for (const pugi::xml_node& box : attachments.text_boxes) ReadCell(box, depth + 1, text);
        for (const pugi::xml_node& note : attachments.notes) ReadCell(note, depth + 1, text);
      } else if (IsDeletion(name)) {
        saw_tracked_ = true;
      } else if (name != "tcPr" && name != "tblPr" && name != "trPr") {
        ReadCell(node, depth + 1, text);
      }
    }
  }

  DocumentBuilder& builder_;
  DocxStyles styles_;
  DocxNumbering numbering_;
  std::map<std::string, pugi::xml_node> notes_;
  std::string note_label_;  // put before the next paragraph, the first of a note
  int num_notes_ = 0;
  bool on_paper_ = true;  // nothing but the white page is behind the letters
  bool too_deep_ = false;
  int64_t hidden_characters_ = 0;
  bool saw_tracked_ = false;
};

}  // namespace

ParseOutcome ParseDocx(std::string_view content) {
  const std::vector<std::string> names = {kDocument,  kStyles,   kNumbering,
                                          kFootnotes, kEndnotes, kCoreProperties};
  StatusOr<OfficeParts> parts = OfficeParts::Read(content, names);
  if (!parts.ok()) return RejectPart(parts.status());
  std::map<std::string, pugi::xml_node> roots;
  for (const std::string& name : names) {
    StatusOr<pugi::xml_node> root = parts->Root(name);
    if (!root.ok()) return RejectPart(root.status());
    roots[name] = *root;
  }
  DocumentBuilder builder("docx");
  DocxReader reader(builder);
  reader.LoadStyles(roots[kStyles]);
  reader.LoadNumbering(roots[kNumbering]);
  reader.LoadNotes(roots[kFootnotes], /*endnotes=*/false);
  reader.LoadNotes(roots[kEndnotes], /*endnotes=*/true);
  builder.SetTitle(*parts->Title());  // its part is parsed already
  reader.ReadBody(roots[kDocument]);
  if (reader.too_deep()) {
    return Rejection("too_deep", "the document nests its elements more than 400 levels deep");
  }
  if (reader.hidden_characters() > 0) {
    builder.Warn(
        fmt::format("{} characters of hidden text were left out", reader.hidden_characters()));
  }
  if (reader.saw_tracked()) builder.Warn("tracked deletions were left out, insertions kept");
  return builder.Finish();
}

}  // namespace hadal::retrieval
