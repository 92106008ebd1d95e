#include "retrieval/parse/docx_styles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/utf8.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr int kMaxInheritance = 16;
constexpr int32_t kMaxLevels = 9;

int32_t ToInt(std::string_view text, int32_t fallback) {
  if (text.empty()) return fallback;
  const long value = std::strtol(std::string(text).c_str(), nullptr, 10);
  return static_cast<int32_t>(std::clamp(value, -1'000'000L, 1'000'000L));
}

/// 1..6 for the built-in heading styles by their (localised) names, 0 otherwise.
int32_t HeadingLevelOfName(std::string_view name) {
  std::string lower;
  for (const unsigned char c : name) {
    if (c != ' ') lower.push_back(static_cast<char>(std::tolower(c)));
  }
  if (lower == "title" || lower == "标题") return 1;
  for (std::string_view prefix : {"heading", "标题", "標題"}) {
    if (lower.size() == prefix.size() + 1 && lower.starts_with(prefix) && lower.back() >= '1' &&
        lower.back() <= '9') {
      return std::min(lower.back() - '0', 6);
    }
  }
  return 0;
}

std::string Roman(int32_t value) {
  static constexpr struct {
    int32_t value;
    const char* text;
  } kDigits[] = {{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
                 {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
                 {5, "v"},    {4, "iv"},   {1, "i"}};
  if (value <= 0 || value > 3999) return fmt::format("{}", value);
  std::string roman;
  for (const auto& digit : kDigits) {
    for (; value >= digit.value; value -= digit.value) roman += digit.text;
  }
  return roman;
}

std::string Letters(int32_t value) {
  if (value <= 0) return fmt::format("{}", value);
  return std::string(static_cast<size_t>(std::min((value - 1) / 26 + 1, 8)),
                     static_cast<char>('a' + (value - 1) % 26));
}

/// 1 → 一, 12 → 十二, 105 → 一百零五.
std::string Chinese(int32_t value) {
  static constexpr const char* kDigits[] = {"零", "一", "二", "三", "四",
                                            "五", "六", "七", "八", "九"};
  static constexpr const char* kUnits[] = {"", "十", "百", "千"};
  if (value <= 0 || value > 9999) return fmt::format("{}", value);
  std::string text;
  bool zero = false;
  for (int place = 3; place >= 0; --place) {
    int32_t power = 1;
    for (int i = 0; i < place; ++i) power *= 10;
    const int32_t digit = value / power % 10;
    if (digit == 0) {
      zero = !text.empty();
      continue;
    }
    if (zero) text += kDigits[0];
    zero = false;
    if (!(place == 1 && digit == 1 && text.empty())) text += kDigits[digit];
    text += kUnits[place];
  }
  return text;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

bool IsOn(const pugi::xml_node& properties, std::string_view name) {
  const pugi::xml_node node = Child(properties, name);
  const std::string_view value = AttributeOf(node, "val");
  return node && value != "0" && value != "false" && value != "off";
}

std::string FormatNumber(int32_t value, std::string_view format) {
  if (format == "lowerLetter") return Letters(value);
  if (format == "upperLetter") return Upper(Letters(value));
  if (format == "lowerRoman") return Roman(value);
  if (format == "upperRoman") return Upper(Roman(value));
  if (format == "decimalZero") return fmt::format("{:02}", value);
  if (format.starts_with("chineseCounting") || format == "japaneseCounting" ||
      format == "taiwaneseCountingThousand" || format == "ideographDigital") {
    return Chinese(value);
  }
  if (format == "decimalEnclosedCircleChinese" || format == "decimalEnclosedCircle") {
    if (value < 1 || value > 20) return fmt::format("({})", value);
    std::string circled;
    AppendUtf8(static_cast<char32_t>(0x2460 + value - 1), circled);
    return circled;
  }
  if (format == "none") return "";
  return fmt::format("{}", value);
}

void DocxStyles::Load(const pugi::xml_node& styles_root) {
  struct Raw {
    DocxStyle own;
    std::string based_on;
  };
  std::map<std::string, Raw, std::less<>> raw;
  for (const pugi::xml_node& style : styles_root.children()) {
    if (LocalName(style) != "style") continue;
    Raw entry;
    entry.own.hidden = IsOn(Child(style, "rPr"), "vanish");
    entry.own.shaded = static_cast<bool>(
        style.find_node([](const pugi::xml_node& node) { return LocalName(node) == "shd"; }));
    entry.based_on = std::string(ChildValue(style, "basedOn"));
    entry.own.heading_level = HeadingLevelOfName(ChildValue(style, "name"));
    const pugi::xml_node properties = Child(style, "pPr");
    const int32_t outline = ToInt(ChildValue(properties, "outlineLvl"), 9);
    if (entry.own.heading_level == 0 && outline >= 0 && outline < 9) {
      entry.own.heading_level = std::min(outline + 1, 6);
    }
    const pugi::xml_node numbers = Child(properties, "numPr");
    entry.own.number_id = std::string(ChildValue(numbers, "numId"));
    entry.own.number_level = ToInt(ChildValue(numbers, "ilvl"), 0);
    raw[std::string(AttributeOf(style, "styleId"))] = std::move(entry);
  }
  for (const auto& [id, entry] : raw) {
    DocxStyle merged = entry.own;
    const Raw* parent = &entry;
    for (int depth = 0; depth < kMaxInheritance; ++depth) {
      const auto found = raw.find(parent->based_on);
      if (found == raw.end()) break;
      parent = &found->second;
      merged.hidden = merged.hidden || parent->own.hidden;
      merged.shaded = merged.shaded || parent->own.shaded;
      if (merged.heading_level == 0) merged.heading_level = parent->own.heading_level;
      if (merged.number_id.empty()) {
        merged.number_id = parent->own.number_id;
        merged.number_level = std::max(merged.number_level, parent->own.number_level);
      }
    }
    styles_[id] = merged;
  }
}

const DocxStyle& DocxStyles::Find(std::string_view style_id) const {
  static const DocxStyle kPlain;
  const auto found = styles_.find(style_id);
  return found == styles_.end() ? kPlain : found->second;
}

void DocxNumbering::Load(const pugi::xml_node& numbering_root) {
  for (const pugi::xml_node& node : numbering_root.children()) {
    if (LocalName(node) == "abstractNum") {
      List list;
      list.levels.resize(kMaxLevels);
      list.counters.assign(kMaxLevels, -1);
      for (const pugi::xml_node& level_node : node.children()) {
        if (LocalName(level_node) != "lvl") continue;
        const int32_t index = ToInt(AttributeOf(level_node, "ilvl"), -1);
        if (index < 0 || index >= kMaxLevels) continue;
        Level& level = list.levels[static_cast<size_t>(index)];
        level.format = std::string(ChildValue(level_node, "numFmt"));
        level.text = std::string(ChildValue(level_node, "lvlText"));
        level.start = std::max(0, ToInt(ChildValue(level_node, "start"), 1));
      }
      abstract_lists_[std::string(AttributeOf(node, "abstractNumId"))] = std::move(list);
    } else if (LocalName(node) == "num") {
      abstract_of_[std::string(AttributeOf(node, "numId"))] =
          std::string(ChildValue(node, "abstractNumId"));
    }
  }
}

std::string DocxNumbering::NextLabel(std::string_view number_id, int32_t level) {
  const auto abstract = abstract_of_.find(number_id);
  if (abstract == abstract_of_.end() || level < 0 || level >= kMaxLevels) return {};
  const auto found = abstract_lists_.find(abstract->second);
  if (found == abstract_lists_.end()) return {};
  List& list = found->second;
  const auto index = static_cast<size_t>(level);
  int32_t& counter = list.counters[index];
  counter = counter < 0 ? list.levels[index].start : counter + 1;
  for (size_t deeper = index + 1; deeper < list.counters.size(); ++deeper) {
    list.counters[deeper] = -1;
  }
  if (list.levels[index].format == "bullet") return {};
  std::string label;
  const std::string& text = list.levels[index].text;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9') {
      const auto of = static_cast<size_t>(text[++i] - '1');
      const Level& other = list.levels[of];
      label += FormatNumber(std::max(list.counters[of], other.start), other.format);
    } else {
      label.push_back(text[i]);
    }
  }
  return label;
}

}  // namespace hadal::retrieval
