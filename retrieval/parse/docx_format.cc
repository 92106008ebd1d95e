#include <cstdlib>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retrieval/parse/docx_styles.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_package.h"
#include "retrieval/parse/table_grid.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

// Real documents stay below 40 levels; each level costs one stack frame of ours.
constexpr int kMaxDepth = 400;

constexpr const char* kDocument = "word/document.xml";
constexpr const char* kStyles = "word/styles.xml";
constexpr const char* kNumbering = "word/numbering.xml";
constexpr const char* kFootnotes = "word/footnotes.xml";
constexpr const char* kEndnotes = "word/endnotes.xml";
constexpr const char* kCore = "docProps/core.xml";

bool IsOff(std::string_view value) { return value == "0" || value == "false" || value == "off"; }

/// Properties such as <w:vanish/> or <w:vanish w:val="false"/>.
bool IsOn(const pugi::xml_node& properties, std::string_view name) {
  const pugi::xml_node node = Child(properties, name);
  return node && !IsOff(AttributeOf(node, "val"));
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

  void ReadBody(const pugi::xml_node& body) { ReadBlocks(body, 0); }
  bool too_deep() const { return too_deep_; }
  bool saw_hidden() const { return saw_hidden_; }
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
    Attachments attachments;
    std::string text;
    ReadInline(paragraph, depth, text, attachments);
    const pugi::xml_node properties = Child(paragraph, "pPr");
    const DocxStyle& style = styles_.Find(ChildValue(properties, "pStyle"));
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
    for (const pugi::xml_node& box : attachments.text_boxes) ReadBlocks(box, depth + 1);
    for (const pugi::xml_node& note : attachments.notes) {
      note_label_ = "[" + std::to_string(++num_notes_) + "] ";
      ReadBlocks(note, depth + 1);
    }
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
      } else if (name == "r" && IsOn(Child(node, "rPr"), "vanish")) {
        saw_hidden_ = true;
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
    ReadRows(table, number, depth, above);
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
      ReadBlocks(cells[0], depth + 1);
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
        ReadCell(cell, depth + 1, text);
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
        ReadInline(node, depth + 1, text, attachments);
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
  bool too_deep_ = false;
  bool saw_hidden_ = false;
  bool saw_tracked_ = false;
};

ParseOutcome RejectPart(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) {
    return Rejection("expansion_limit", StatusMessage(status));
  }
  if (status.code() == StatusCode::kInvalidArgument) {
    return Rejection("forbidden_dtd", StatusMessage(status));
  }
  return Rejection("damaged", StatusMessage(status));
}

}  // namespace

ParseOutcome ParseDocx(std::string_view content) {
  StatusOr<std::map<std::string, std::string>> parts =
      ReadParts(content, {kDocument, kStyles, kNumbering, kFootnotes, kEndnotes, kCore});
  if (!parts.ok()) return RejectPart(parts.status());
  std::map<std::string, pugi::xml_document> trees;
  for (auto& [name, part] : *parts) {
    if (Status status = ParseXmlPart(name, part, trees[name]); !status.ok()) {
      return RejectPart(status);
    }
  }
  DocumentBuilder builder("docx");
  DocxReader reader(builder);
  const auto root = [&](const char* name) { return trees[name].document_element(); };
  reader.LoadStyles(root(kStyles));
  reader.LoadNumbering(root(kNumbering));
  reader.LoadNotes(root(kFootnotes), /*endnotes=*/false);
  reader.LoadNotes(root(kEndnotes), /*endnotes=*/true);
  builder.SetTitle(Child(root(kCore), "title").text().get());
  reader.ReadBody(Child(root(kDocument), "body"));
  if (reader.too_deep()) {
    return Rejection("too_deep", "the document nests its elements more than 400 levels deep");
  }
  if (reader.saw_hidden()) builder.Warn("hidden text was left out");
  if (reader.saw_tracked()) builder.Warn("tracked deletions were left out, insertions kept");
  return builder.Finish();
}

}  // namespace hadal::retrieval
