#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <vector>

#include "retrieval/parse/cell_format.h"

namespace hadal::retrieval {

/// What the styles of a workbook mean for the text of its cells. Thread-compatible.
class XlsxStyles {
 public:
  struct Style {
    CellFormat format;
    /// White letters on a cell without fill: shown to nobody, unless something else fills the cell.
    bool white_on_white = false;
  };

  /// Root element of xl/styles.xml; a null node leaves every cell plain.
  void Load(const pugi::xml_node& root);
  const Style& Find(int64_t index) const;

 private:
  std::vector<Style> styles_;
};

}  // namespace hadal::retrieval
