#include "retrieval/parse/xlsx_styles.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxStyles = 65'536;  // Excel allows 65,490

/// rgb="FFFFFFFF", white of the old palette, or the theme's first colour, the paper's. A tint makes
/// it grey.
bool IsWhite(const pugi::xml_node& color) {
  const std::string_view rgb = AttributeOf(color, "rgb");
  if (rgb.size() >= 6) return rgb.substr(rgb.size() - 6) == "FFFFFF";
  const std::string_view indexed = AttributeOf(color, "indexed");
  if (indexed == "1" || indexed == "9") return true;
  return AttributeOf(color, "theme") == "0" && AttributeOf(color, "tint").empty();
}

/// No pattern, or white paint.
bool LeavesPaper(const pugi::xml_node& fill) {
  const pugi::xml_node pattern = Child(fill, "patternFill");
  if (!pattern) return !fill.first_child();
  const std::string_view type = AttributeOf(pattern, "patternType");
  if (type.empty() || type == "none") return true;
  return type == "solid" && IsWhite(Child(pattern, "fgColor"));
}

std::vector<pugi::xml_node> ChildrenOf(const pugi::xml_node& node) {
  std::vector<pugi::xml_node> children;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element) children.push_back(child);
  }
  return children;
}

}  // namespace

void XlsxStyles::Load(const pugi::xml_node& root) {
  std::map<int64_t, std::string> formats;
  for (const pugi::xml_node& format : Child(root, "numFmts").children()) {
    formats[IntAttribute(format, "numFmtId")] = AttributeOf(format, "formatCode");
  }
  const std::vector<pugi::xml_node> fonts = ChildrenOf(Child(root, "fonts"));
  const std::vector<pugi::xml_node> fills = ChildrenOf(Child(root, "fills"));
  const auto at = [](const std::vector<pugi::xml_node>& nodes, int64_t index) {
    return index >= 0 && static_cast<size_t>(index) < nodes.size()
               ? nodes[static_cast<size_t>(index)]
               : pugi::xml_node();
  };
  for (const pugi::xml_node& xf : ChildrenOf(Child(root, "cellXfs"))) {
    if (styles_.size() >= kMaxStyles) break;
    Style style;
    const int64_t id = IntAttribute(xf, "numFmtId");
    const auto own = formats.find(id);
    style.format =
        CellFormat(own != formats.end() ? std::string_view(own->second) : BuiltinFormat(id));
    style.white_on_white = IsWhite(Child(at(fonts, IntAttribute(xf, "fontId")), "color")) &&
                           LeavesPaper(at(fills, IntAttribute(xf, "fillId")));
    styles_.push_back(std::move(style));
  }
}

const XlsxStyles::Style& XlsxStyles::Find(int64_t index) const {
  static const Style kPlain;
  return index >= 0 && static_cast<size_t>(index) < styles_.size()
             ? styles_[static_cast<size_t>(index)]
             : kPlain;
}

}  // namespace hadal::retrieval
