#pragma once

#include <cstdint>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// What a style of a DOCX means for its text.
struct DocxStyle {
  int32_t heading_level = 0;  ///< 1..6; 0: no heading
  std::string number_id;      ///< of numbering.xml; empty: not numbered
  int32_t number_level = 0;
  bool hidden = false;  ///< not shown
  bool shaded = false;  ///< puts a colour behind its letters, or behind some of its cells
};

/// The styles of styles.xml, of paragraphs, characters and tables, with what they inherit.
/// Thread-compatible.
class DocxStyles {
 public:
  void Load(const pugi::xml_node& styles_root);
  const DocxStyle& Find(std::string_view style_id) const;

 private:
  std::map<std::string, DocxStyle, std::less<>> styles_;
};

/// The automatic numbers of a DOCX ("第三条", "2.1", "（四）"), which stand in no text: readers of
/// rules cite by them. Counts as paragraphs pass. Not thread-safe.
class DocxNumbering {
 public:
  void Load(const pugi::xml_node& numbering_root);
  /// The label of the next paragraph of list `number_id` at `level` (0..8), empty for bullets and
  /// unknown lists.
  std::string NextLabel(std::string_view number_id, int32_t level);

 private:
  struct Level {
    std::string format = "decimal";
    std::string text;
    int32_t start = 1;
  };
  struct List {
    std::vector<Level> levels;
    std::vector<int32_t> counters;  // -1: not begun
  };
  std::map<std::string, List, std::less<>> abstract_lists_;
  std::map<std::string, std::string, std::less<>> abstract_of_;
};

/// Properties such as <w:vanish/> or <w:vanish w:val="false"/>.
bool IsOn(const pugi::xml_node& properties, std::string_view name);

/// `value` (≥ 0) in one of WordprocessingML's number formats; decimal where the format is unknown.
std::string FormatNumber(int32_t value, std::string_view format);

}  // namespace hadal::retrieval
