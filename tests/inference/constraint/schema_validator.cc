#include "tests/inference/constraint/schema_validator.h"

#include <re2/re2.h>

#include <cmath>

#include "absl/time/civil_time.h"
#include "base/utf8.h"

namespace hadal::inference::testing {
namespace {

using nlohmann::json;

size_t CountChars(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(DecodeUtf8(text).size_bytes);
  return count;
}

bool IsWhole(const json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

bool HasType(const std::string& type, const json& value) {
  if (type == "integer") return IsWhole(value);
  if (type == "number") return value.is_number();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return value.is_null();
}

bool IsDate(const std::string& text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!RE2::FullMatch(text, R"((\d{4})-(\d\d)-(\d\d))", &year, &month, &day)) return false;
  const absl::CivilDay civil(year, month, day);  // normalises what is no day
  return year > 0 && civil.month() == month && civil.day() == day;
}

bool IsTime(const std::string& text) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  return RE2::FullMatch(text, R"((\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))", &hour,
                        &minute, &second) &&
         hour < 24 && minute < 60 && second < 60;
}

bool HasFormat(const std::string& format, const std::string& text) {
  if (format == "date") return IsDate(text);
  if (format == "time") return IsTime(text);
  if (format == "date-time") {
    return text.size() > 11 && text[10] == 'T' && IsDate(text.substr(0, 10)) &&
           IsTime(text.substr(11));
  }
  if (format == "uuid") {
    return RE2::FullMatch(text, "(?i)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}");
  }
  if (format == "email") return RE2::FullMatch(text, R"([^@\s.][^@\s]*@[\w-]+(\.[\w-]+)+)");
  if (format == "ipv4") {
    int part[4] = {};
    return RE2::FullMatch(text, R"((\d+)\.(\d+)\.(\d+)\.(\d+))", &part[0], &part[1], &part[2],
                          &part[3]) &&
           part[0] < 256 && part[1] < 256 && part[2] < 256 && part[3] < 256;
  }
  if (format == "uri") return RE2::FullMatch(text, R"([A-Za-z][\w+.-]*://[\w.-]+(:\d+)?[^\s"<>]*)");
  return format == "hostname" && RE2::FullMatch(text, R"([\w-]+(\.[\w-]+)*)");
}

std::string CheckString(const json& schema, const std::string& text) {
  if (CountChars(text) < schema.value("minLength", 0u)) return "minLength";
  if (schema.contains("maxLength") && CountChars(text) > schema["maxLength"]) return "maxLength";
  if (schema.contains("pattern") &&
      !RE2::PartialMatch(text, schema["pattern"].get<std::string>())) {
    return "pattern";
  }
  if (schema.contains("format") && !HasFormat(schema["format"], text)) return "format";
  return "";
}

std::string CheckNumber(const json& schema, const json& value) {
  if (schema.contains("minimum") && value < schema["minimum"]) return "minimum";
  if (schema.contains("maximum") && value > schema["maximum"]) return "maximum";
  if (schema.contains("exclusiveMinimum") && value <= schema["exclusiveMinimum"]) {
    return "exclusiveMinimum";
  }
  if (schema.contains("exclusiveMaximum") && value >= schema["exclusiveMaximum"]) {
    return "exclusiveMaximum";
  }
  return "";
}

std::string CheckArray(const json& schema, const json& value, const json& root) {
  if (value.size() < schema.value("minItems", 0u)) return "minItems";
  if (schema.contains("maxItems") && value.size() > schema["maxItems"]) return "maxItems";
  const json prefix = schema.value("prefixItems", json::array());
  for (size_t i = 0; i < value.size(); ++i) {
    const json item = i < prefix.size() ? prefix[i] : schema.value("items", json(true));
    const std::string why = WhyInvalid(item, value[i], root);
    if (!why.empty()) return "[" + std::to_string(i) + "] " + why;
  }
  return "";
}

std::string CheckObject(const json& schema, const json& value, const json& root) {
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>())) return "required " + name.dump();
  }
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, member] : value.items()) {
    const json bound = properties.contains(name) ? properties[name]
                                                 : schema.value("additionalProperties", json(true));
    const std::string why = WhyInvalid(bound, member, root);
    if (!why.empty()) return "." + name + " " + why;
  }
  return "";
}

std::string CheckCombinations(const json& schema, const json& value, const json& root) {
  if (schema.contains("$ref")) {
    const json::json_pointer pointer(schema["$ref"].get<std::string>().substr(1));
    if (std::string why = WhyInvalid(root.at(pointer), value, root); !why.empty()) return why;
  }
  for (const json& part : schema.value("allOf", json::array())) {
    if (std::string why = WhyInvalid(part, value, root); !why.empty()) return "allOf " + why;
  }
  for (const char* keyword : {"anyOf", "oneOf"}) {
    if (!schema.contains(keyword)) continue;
    int valid = 0;
    for (const json& part : schema[keyword]) valid += WhyInvalid(part, value, root).empty();
    if (valid == 0 || (std::string_view(keyword) == "oneOf" && valid != 1)) return keyword;
  }
  return "";
}

}  // namespace

std::string WhyInvalid(const json& schema, const json& value, const json& root) {
  if (schema.is_boolean()) return schema.get<bool>() ? "" : "false";
  if (schema.contains("type")) {
    const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
    bool any = false;
    for (const json& type : types) any |= HasType(type, value);
    if (!any) return "type " + types.dump();
  }
  if (schema.contains("const") && value != schema["const"]) return "const";
  if (schema.contains("enum")) {
    bool any = false;
    for (const json& listed : schema["enum"]) any |= value == listed;
    if (!any) return "enum";
  }
  std::string why = CheckCombinations(schema, value, root);
  if (!why.empty()) return why;
  if (value.is_string()) return CheckString(schema, value);
  if (value.is_number()) return CheckNumber(schema, value);
  if (value.is_array()) return CheckArray(schema, value, root);
  return value.is_object() ? CheckObject(schema, value, root) : "";
}

}  // namespace hadal::inference::testing
