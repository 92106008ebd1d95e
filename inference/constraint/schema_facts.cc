#include "inference/constraint/schema_facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>
#include <utility>

namespace hadal::inference {
namespace {

constexpr int kMaxDisjointDepth = 4;

unsigned TypeBitsOf(const Json& type) {
  if (type.is_array()) {
    unsigned bits = 0;
    for (const Json& name : type) bits |= TypeBitsOf(name);
    return bits;
  }
  if (type == "null") return kNullType;
  if (type == "boolean") return kBooleanType;
  if (type == "integer") return kIntegerType;
  if (type == "number") return kIntegerType | kFractionType;
  if (type == "string") return kStringType;
  return type == "array" ? kArrayType : kObjectType;
}

/// The types whose keywords `schema` has; all when it has none.
unsigned ImpliedTypes(const Json& schema) {
  struct Implication {
    unsigned types;
    std::vector<const char*> keywords;
  };
  static const Implication kImplications[] = {
      {kObjectType, {"properties", "required", "additionalProperties"}},
      {kArrayType, {"items", "prefixItems", "minItems", "maxItems"}},
      {kStringType, {"minLength", "maxLength", "pattern", "format"}},
      {kIntegerType | kFractionType,
       {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
  };
  unsigned types = 0;
  for (const Implication& implication : kImplications) {
    for (const char* keyword : implication.keywords) {
      if (schema.contains(keyword)) types |= implication.types;
    }
  }
  return types == 0 ? kAllTypes : types;
}

const Json* Find(const Json& schema, const std::string& keyword) {
  const auto it = schema.find(keyword);
  return it == schema.end() ? nullptr : &*it;
}

bool IsFalse(const Json* schema) { return schema != nullptr && *schema == false; }

/// Values are equal whatever the order of their members, which Json's own comparison minds.
bool Holds(const std::vector<Json>& values, const Json& value) {
  return std::any_of(values.begin(), values.end(), [&value](const Json& other) {
    return nlohmann::json(other) == nlohmann::json(value);
  });
}

int64_t CountOf(const Json& value) {
  return static_cast<int64_t>(std::min<uint64_t>(value.get<uint64_t>(), uint64_t{1} << 32));
}

void Add(const Json* schema, SchemaSet& set) {
  if (std::find(set.begin(), set.end(), schema) == set.end()) set.push_back(schema);
}

/// Goes through a set of schemas and gathers.
class Reader {
 public:
  Reader(const SchemaDocument& document, const SchemaSet& set, CompileBudget& budget)
      : document_(document), set_(set), budget_(budget), chosen_(set.begin(), set.end()) {}

  StatusOr<SchemaFacts> Read() {
    for (const Json* schema : set_) {
      // The list of alternatives of a choice that was made.
      if (!schema->is_array()) RETURN_IF_ERROR(AddSchema(*schema));
    }
    MergeValues();
    RETURN_IF_ERROR(MergeObjects());
    RETURN_IF_ERROR(MergeArrays());
    return std::move(facts_);
  }

 private:
  Status AddSchema(const Json& schema) {
    if (!seen_.insert(&schema).second) return OkStatus();
    RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(schema.size()) + 8));
    if (schema == false) facts_.types = facts_.declared_types = 0;
    if (schema.is_boolean()) return OkStatus();
    if (const Json* reference = Find(schema, "$ref")) {
      RETURN_IF_ERROR(AddSchema(document_.Resolve(*reference)));
    }
    if (const Json* parts = Find(schema, "allOf")) {
      for (const Json& part : *parts) RETURN_IF_ERROR(AddSchema(part));
    }
    AddChoice(schema, "anyOf", /*exactly_one=*/false);
    AddChoice(schema, "oneOf", /*exactly_one=*/true);
    AddValues(schema);
    if (const Json* type = Find(schema, "type")) {
      facts_.types &= TypeBitsOf(*type);
      facts_.declared_types &= TypeBitsOf(*type);
    } else {
      facts_.types &= ImpliedTypes(schema);
    }
    AddStringAndNumber(schema);
    objects_.push_back(&schema);
    return OkStatus();
  }

  void AddChoice(const Json& schema, const char* keyword, bool exactly_one) {
    const Json* alternatives = Find(schema, keyword);
    if (alternatives != nullptr && !chosen_.contains(alternatives)) {
      facts_.choices.push_back({alternatives, exactly_one});
    }
  }

  void AddValues(const Json& schema) {
    if (const Json* values = Find(schema, "enum")) {
      KeepValues({values->begin(), values->end()});
    }
    if (const Json* value = Find(schema, "const")) KeepValues({*value});
  }

  void KeepValues(std::vector<Json> values) {
    if (!facts_.values) {
      facts_.values = std::move(values);
      return;
    }
    std::erase_if(*facts_.values, [&values](const Json& value) { return !Holds(values, value); });
  }

  void AddStringAndNumber(const Json& schema) {
    if (const Json* value = Find(schema, "minLength")) {
      facts_.min_length = std::max(facts_.min_length, CountOf(*value));
    }
    if (const Json* value = Find(schema, "maxLength")) {
      facts_.max_length = std::min(facts_.max_length, CountOf(*value));
    }
    if (const Json* value = Find(schema, "pattern")) facts_.patterns.push_back(value);
    if (const Json* value = Find(schema, "format")) facts_.formats.push_back(value);
    if (const Json* value = Find(schema, "minimum")) facts_.lower.push_back({value, false});
    if (const Json* value = Find(schema, "exclusiveMinimum")) facts_.lower.push_back({value, true});
    if (const Json* value = Find(schema, "maximum")) facts_.upper.push_back({value, false});
    if (const Json* value = Find(schema, "exclusiveMaximum")) facts_.upper.push_back({value, true});
  }

  /// Types no listed value has are out.
  void MergeValues() {
    if (!facts_.values) return;
    unsigned types = 0;
    for (const Json& value : *facts_.values) types |= TypeOf(value);
    facts_.declared_types &= types;
    std::erase_if(*facts_.values,
                  [this](const Json& value) { return (TypeOf(value) & facts_.types) == 0; });
  }

  /// A property is bound by each schema: as one of its own properties, or as one of its others.
  Status MergeObjects() {
    std::vector<SchemaFacts::Property>& properties = facts_.properties;
    std::map<std::string, size_t, std::less<>> index;
    const auto property = [&](const std::string& name) -> SchemaFacts::Property& {
      const auto [it, added] = index.emplace(name, properties.size());
      if (added) properties.emplace_back().name = name;
      return properties[it->second];
    };
    bool others_declared = false;
    for (const Json* schema : objects_) {
      if (const Json* own = Find(*schema, "properties")) {
        for (const auto& [name, value] : own->items()) property(name);
      }
      const Json* others = Find(*schema, "additionalProperties");
      others_declared |= others != nullptr && !IsFalse(others);
      facts_.declared_closed |= IsFalse(others);
      if (others != nullptr) Add(others, facts_.other_schemas);
    }
    const bool has_properties = !properties.empty();
    for (const Json* schema : objects_) {
      if (const Json* required = Find(*schema, "required")) {
        for (const Json& name : *required) property(name.get<std::string>()).required = true;
      }
    }
    facts_.open = !facts_.declared_closed && (others_declared || !has_properties);
    for (SchemaFacts::Property& entry : properties) {
      RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(objects_.size())));
      for (const Json* schema : objects_) {
        const Json* own = Find(*schema, "properties");
        if (own != nullptr) RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(own->size())));
        const Json* bound = own == nullptr ? nullptr : Find(*own, entry.name);
        if (bound == nullptr) bound = Find(*schema, "additionalProperties");
        if (bound == nullptr) continue;
        entry.forbidden |= IsFalse(bound);
        Add(bound, entry.schemas);
      }
    }
    return OkStatus();
  }

  /// The same for the places of an array.
  Status MergeArrays() {
    size_t longest = 0;
    for (const Json* schema : objects_) {
      const Json* prefix = Find(*schema, "prefixItems");
      const Json* rest = Find(*schema, "items");
      const size_t length = prefix == nullptr ? 0 : prefix->size();
      longest = std::max(longest, length);
      if (rest != nullptr) Add(rest, facts_.items);
      if (IsFalse(rest)) {
        facts_.max_items = std::min(facts_.max_items, static_cast<int64_t>(length));
      }
      if (const Json* value = Find(*schema, "minItems")) {
        facts_.min_items = std::max(facts_.min_items, CountOf(*value));
      }
      if (const Json* value = Find(*schema, "maxItems")) {
        facts_.max_items = std::min(facts_.max_items, CountOf(*value));
      }
    }
    facts_.prefix_items.resize(longest);
    for (size_t i = 0; i < longest; ++i) {
      RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(objects_.size())));
      for (const Json* schema : objects_) {
        const Json* prefix = Find(*schema, "prefixItems");
        const Json* bound =
            prefix != nullptr && i < prefix->size() ? &(*prefix)[i] : Find(*schema, "items");
        if (bound != nullptr) Add(bound, facts_.prefix_items[i]);
      }
    }
    return OkStatus();
  }

  const SchemaDocument& document_;
  const SchemaSet& set_;
  CompileBudget& budget_;
  std::unordered_set<const Json*> chosen_;
  std::unordered_set<const Json*> seen_;
  std::vector<const Json*> objects_;  ///< the schemas that are no booleans
  SchemaFacts facts_;
};

const SchemaFacts::Property* FindRequired(const SchemaFacts& facts, const std::string& name) {
  for (const SchemaFacts::Property& property : facts.properties) {
    if (property.name == name) return property.required ? &property : nullptr;
  }
  return nullptr;
}

bool Knows(const SchemaFacts& facts, const std::string& name) {
  return std::any_of(
      facts.properties.begin(), facts.properties.end(),
      [&name](const auto& property) { return property.name == name && !property.forbidden; });
}

bool ShareNoValue(const SchemaFacts& a, const SchemaFacts& b) {
  if (!a.values || !b.values) return false;
  return std::none_of(a.values->begin(), a.values->end(),
                      [&b](const Json& value) { return Holds(*b.values, value); });
}

/// Some upper bound of `low` is below some lower bound of `high`.
bool IsBelow(const SchemaFacts& low, const SchemaFacts& high) {
  for (const SchemaFacts::Bound& upper : low.upper) {
    for (const SchemaFacts::Bound& lower : high.lower) {
      if (*upper.value < *lower.value) return true;
      if (*upper.value == *lower.value && (upper.exclusive || lower.exclusive)) return true;
    }
  }
  return false;
}

StatusOr<bool> Disjoint(const SchemaDocument& document, const SchemaSet& a, const SchemaSet& b,
                        int depth, CompileBudget& budget) {
  ASSIGN_OR_RETURN(const SchemaFacts x, ReadFacts(document, a, budget));
  ASSIGN_OR_RETURN(const SchemaFacts y, ReadFacts(document, b, budget));
  const unsigned both = x.declared_types & y.declared_types;
  if (both == 0 || ShareNoValue(x, y)) return true;
  if ((both & ~(kIntegerType | kFractionType)) == 0) return IsBelow(x, y) || IsBelow(y, x);
  if (both != kObjectType || depth == kMaxDisjointDepth) return false;
  // One requires what the other forbids, or they tell apart by a property both require.
  for (const auto& [one, other] : {std::pair(&x, &y), std::pair(&y, &x)}) {
    for (const SchemaFacts::Property& property : one->properties) {
      if (property.required && other->declared_closed && !Knows(*other, property.name)) return true;
    }
  }
  for (const SchemaFacts::Property& property : x.properties) {
    const SchemaFacts::Property* same = FindRequired(y, property.name);
    if (!property.required || same == nullptr) continue;
    ASSIGN_OR_RETURN(const bool apart,
                     Disjoint(document, property.schemas, same->schemas, depth + 1, budget));
    if (apart) return true;
  }
  return false;
}

}  // namespace

SchemaSet With(SchemaSet set, const SchemaSet& added) {
  for (const Json* schema : added) Add(schema, set);
  return set;
}

TypeBits TypeOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return kNullType;
    case Json::value_t::boolean:
      return kBooleanType;
    case Json::value_t::string:
      return kStringType;
    case Json::value_t::array:
      return kArrayType;
    case Json::value_t::object:
      return kObjectType;
    case Json::value_t::number_float:
      return std::trunc(value.get<double>()) == value.get<double>() ? kIntegerType : kFractionType;
    default:
      return kIntegerType;
  }
}

StatusOr<SchemaFacts> ReadFacts(const SchemaDocument& document, const SchemaSet& set,
                                CompileBudget& budget) {
  return Reader(document, set, budget).Read();
}

StatusOr<bool> AreDisjoint(const SchemaDocument& document, const SchemaSet& a, const SchemaSet& b,
                           CompileBudget& budget) {
  return Disjoint(document, a, b, 0, budget);
}

}  // namespace hadal::inference
