#include "inference/constraint/schema_document.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/utf8.h"

namespace hadal::inference {
namespace {

/// Of a path kept for messages: long names above many schemas would be kept with each.
constexpr size_t kMaxPathBytes = 256;

/// What a keyword's value must be.
enum class Shape {
  kAnnotation,  ///< says nothing about what is valid
  kAnything,
  kString,
  kStrings,
  kType,
  kCount,
  kNumber,
  kNonEmptyList,
  kSchema,
  kSchemas,
  kSchemaMap,
  kReference,
};

struct Keyword {
  std::string_view name;
  Shape shape;
};
constexpr Keyword kKeywords[] = {
    {"type", Shape::kType},
    {"properties", Shape::kSchemaMap},
    {"required", Shape::kStrings},
    {"additionalProperties", Shape::kSchema},
    {"items", Shape::kSchema},
    {"prefixItems", Shape::kSchemas},
    {"enum", Shape::kNonEmptyList},
    {"const", Shape::kAnything},
    {"anyOf", Shape::kSchemas},
    {"oneOf", Shape::kSchemas},
    {"allOf", Shape::kSchemas},
    {"$ref", Shape::kReference},
    {"minLength", Shape::kCount},
    {"maxLength", Shape::kCount},
    {"minItems", Shape::kCount},
    {"maxItems", Shape::kCount},
    {"minimum", Shape::kNumber},
    {"maximum", Shape::kNumber},
    {"exclusiveMinimum", Shape::kNumber},
    {"exclusiveMaximum", Shape::kNumber},
    {"pattern", Shape::kString},
    {"format", Shape::kString},
    {"title", Shape::kAnnotation},
    {"description", Shape::kAnnotation},
    {"default", Shape::kAnnotation},
    {"example", Shape::kAnnotation},
    {"examples", Shape::kAnnotation},
    {"deprecated", Shape::kAnnotation},
    {"readOnly", Shape::kAnnotation},
    {"writeOnly", Shape::kAnnotation},
    {"discriminator", Shape::kAnnotation},  // OpenAPI's hint which alternative to try first
    {"$comment", Shape::kAnnotation},
    {"$schema", Shape::kAnnotation},
    {"$id", Shape::kAnnotation},
    {"$anchor", Shape::kAnnotation},
    {"$defs", Shape::kAnnotation},  // checked where something refers to it
    {"definitions", Shape::kAnnotation},
};
constexpr std::string_view kTypes[] = {"null",   "boolean", "integer", "number",
                                       "string", "array",   "object"};

bool IsStrings(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_string(); });
}

bool IsTypeName(const Json& value) {
  return value.is_string() && std::find(std::begin(kTypes), std::end(kTypes),
                                        value.get_ref<const std::string&>()) != std::end(kTypes);
}

bool IsType(const Json& value) {
  if (!value.is_array()) return IsTypeName(value);
  return !value.empty() && std::all_of(value.begin(), value.end(), IsTypeName);
}

/// What is wrong with `value`, or empty.
std::string_view ProblemOf(Shape shape, const Json& value) {
  switch (shape) {
    case Shape::kString:
    case Shape::kReference:
      return value.is_string() ? "" : "expected a string";
    case Shape::kStrings:
      return IsStrings(value) ? "" : "expected a list of strings";
    case Shape::kType:
      return IsType(value) ? "" : "expected a JSON type or a list of them";
    case Shape::kCount:
      return value.is_number_unsigned() ? "" : "expected a whole number";
    case Shape::kNumber:
      return value.is_number() ? "" : "expected a number";
    case Shape::kNonEmptyList:
    case Shape::kSchemas:
      return value.is_array() && !value.empty() ? "" : "expected a list with something in it";
    case Shape::kSchemaMap:
      return value.is_object() ? "" : "expected an object";
    default:
      return "";
  }
}

/// Escapes one step of a JSON pointer (RFC 6901).
std::string PointerStep(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::string Shorten(std::string path) {
  if (path.size() <= kMaxPathBytes) return path;
  return SanitizeUtf8(path.substr(0, kMaxPathBytes)) + "...";
}

/// The steps of a reference within the document, "#/$defs/a%20b" as {"$defs", "a b"}.
StatusOr<std::vector<std::string>> PointerSteps(std::string_view reference) {
  std::string pointer;
  for (size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] != '%') {
      pointer += reference[i];
      continue;
    }
    ASSIGN_OR_RETURN(const std::string byte, HexDecode(reference.substr(i + 1, 2)));
    if (byte.size() != 1) return InvalidArgument("a % without two digits");
    pointer += byte;
    i += 2;
  }
  if (!pointer.starts_with('#') || (pointer.size() > 1 && pointer[1] != '/')) {
    return InvalidArgument("only references within the schema, \"#\" or \"#/...\", are supported");
  }
  std::vector<std::string> steps;
  for (size_t i = 1; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      steps.emplace_back();
    } else if (pointer[i] == '~' && i + 1 < pointer.size()) {
      steps.back() += pointer[++i] == '1' ? '/' : '~';
    } else {
      steps.back() += pointer[i];
    }
  }
  return steps;
}

const Json* Step(const Json& at, const std::string& step) {
  if (at.is_object()) {
    const auto it = at.find(step);
    return it == at.end() ? nullptr : &*it;
  }
  const bool is_index =
      !step.empty() && step.size() < 6 && step.find_first_not_of("0123456789") == std::string::npos;
  if (!at.is_array() || !is_index) return nullptr;
  const auto index = static_cast<size_t>(std::stoul(step));
  return index < at.size() ? &at[index] : nullptr;
}

}  // namespace

StatusOr<std::unique_ptr<const SchemaDocument>> SchemaDocument::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return InvalidArgument("the schema has {} bytes; at most {} are allowed", text.size(),
                           kMaxBytes);
  }
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  std::unique_ptr<SchemaDocument> document(new SchemaDocument());
  document->root_ = Json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return InvalidArgument("the schema nests deeper than {} levels", kMaxDepth);
  if (document->root_.is_discarded()) return InvalidArgument("the schema is not valid JSON");
  RETURN_IF_ERROR(document->Check());
  return document;
}

Status SchemaDocument::Check() {
  AddSchema(root_, "#");
  for (size_t i = 0; i < schemas_.size(); ++i) RETURN_IF_ERROR(CheckSchema(*schemas_[i]));
  std::unordered_map<const Json*, int> heights;
  for (const Json* schema : schemas_) RETURN_IF_ERROR(CheckInPlace(*schema, 0, heights));
  return OkStatus();
}

void SchemaDocument::AddSchema(const Json& schema, std::string path) {
  if (paths_.emplace(&schema, Shorten(std::move(path))).second) schemas_.push_back(&schema);
}

Status SchemaDocument::CheckSchema(const Json& schema) {
  const std::string path = PathOf(schema);
  if (schema.is_boolean()) return OkStatus();
  if (!schema.is_object()) {
    return InvalidArgument("{}: a schema is an object, true or false", path);
  }
  for (const auto& [keyword, value] : schema.items()) {
    RETURN_IF_ERROR(CheckKeyword(keyword, value, path));
  }
  return OkStatus();
}

Status SchemaDocument::CheckKeyword(const std::string& keyword, const Json& value,
                                    const std::string& path) {
  const auto* known =
      std::find_if(std::begin(kKeywords), std::end(kKeywords),
                   [&keyword](const Keyword& entry) { return entry.name == keyword; });
  if (known == std::end(kKeywords)) {
    const bool neutral = keyword.starts_with("x-") || (keyword == "uniqueItems" && value == false);
    if (neutral) return OkStatus();
    return InvalidArgument("{}: the keyword \"{}\" is not supported", path, keyword);
  }
  const std::string place = path + PointerStep(keyword);
  if (const std::string_view problem = ProblemOf(known->shape, value); !problem.empty()) {
    return InvalidArgument("{}: {}", place, problem);
  }
  places_.emplace(&value, Shorten(place));
  switch (known->shape) {
    case Shape::kSchema:
      AddSchema(value, place);
      break;
    case Shape::kSchemas:
      for (size_t i = 0; i < value.size(); ++i) {
        AddSchema(value[i], fmt::format("{}/{}", place, i));
      }
      break;
    case Shape::kSchemaMap:
      for (const auto& [name, schema] : value.items()) {
        AddSchema(schema, place + PointerStep(name));
      }
      break;
    case Shape::kReference:
      return AddReference(value, place);
    default:
      break;
  }
  return OkStatus();
}

Status SchemaDocument::AddReference(const Json& value, const std::string& path) {
  const auto& reference = value.get_ref<const std::string&>();
  const StatusOr<std::vector<std::string>> steps = PointerSteps(reference);
  if (!steps.ok()) return Annotate(steps.status(), path);
  const Json* target = &root_;
  for (const std::string& step : *steps) {
    target = Step(*target, step);
    if (target == nullptr) {
      return InvalidArgument("{}: there is no \"{}\" in the schema", path, reference);
    }
  }
  targets_.emplace(&value, target);
  AddSchema(*target, reference);
  return OkStatus();
}

/// The schemas that hold for the same value as `schema` does.
template <typename Visit>
Status SchemaDocument::ForEachInPlace(const Json& schema, Visit visit) const {
  if (!schema.is_object()) return OkStatus();
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    const auto it = schema.find(keyword);
    if (it == schema.end()) continue;
    for (const Json& part : *it) RETURN_IF_ERROR(visit(part));
  }
  const auto it = schema.find("$ref");
  return it == schema.end() ? OkStatus() : visit(Resolve(*it));
}

/// A schema that comes back to itself for the same value says nothing, and would be read forever.
/// heights: done; its length of the longest chain. An open one has -1.
Status SchemaDocument::CheckInPlace(const Json& schema, int depth,
                                    std::unordered_map<const Json*, int>& heights) {
  const auto [it, added] = heights.emplace(&schema, -1);
  if (!added && it->second < 0) {
    return InvalidArgument("{}: refers to itself for the same value", PathOf(schema));
  }
  if (!added && depth + it->second <= kMaxDepth) return OkStatus();
  if (depth > kMaxDepth || !added) {
    return InvalidArgument("{}: more than {} references and combinations in a chain",
                           PathOf(schema), kMaxDepth);
  }
  int height = 0;
  RETURN_IF_ERROR(ForEachInPlace(schema, [&](const Json& part) -> Status {
    RETURN_IF_ERROR(CheckInPlace(part, depth + 1, heights));
    height = std::max(height, heights.at(&part) + 1);
    return OkStatus();
  }));
  heights[&schema] = height;
  return OkStatus();
}

}  // namespace hadal::inference
