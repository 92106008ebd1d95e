#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/constraint/char_dfa.h"
#include "inference/constraint/compile_budget.h"
#include "inference/constraint/schema_document.h"

namespace hadal::inference {

/// Schemas that hold for the same value at once, each named once, in the order they were met. The
/// list of an anyOf or oneOf among them says that one of its alternatives was chosen.
using SchemaSet = std::vector<const Json*>;

/// `set` with `added` behind it.
SchemaSet With(SchemaSet set, const SchemaSet& added);

enum TypeBits : unsigned {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kFractionType = 8,  ///< "number" is kIntegerType | kFractionType
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127,
};

/// The type of a value; a whole number is kIntegerType however it is written.
TypeBits TypeOf(const Json& value);

/// What a set of schemas says about one value, $ref and allOf worked in.
struct SchemaFacts {
  struct Property {
    std::string name;
    SchemaSet schemas;
    bool required = false;
    bool forbidden = false;
  };
  struct Bound {
    const Json* value;
    bool exclusive;
  };
  struct Choice {
    const Json* alternatives;
    bool exactly_one;  ///< oneOf
  };

  unsigned types = kAllTypes;               ///< 0: nothing is valid
  unsigned declared_types = kAllTypes;      ///< without those implied by keywords
  std::optional<std::vector<Json>> values;  ///< enum, const
  std::vector<Choice> choices;              ///< anyOf and oneOf not chosen yet

  std::vector<Property> properties;
  bool open = true;              ///< other properties may follow
  SchemaSet other_schemas;       ///< what holds for them
  bool declared_closed = false;  ///< the schema itself forbids others

  std::vector<SchemaSet> prefix_items;
  SchemaSet items;  ///< behind the prefix
  int64_t min_items = 0;
  int64_t max_items = kUnlimited;

  int64_t min_length = 0;
  int64_t max_length = kUnlimited;
  std::vector<const Json*> patterns;
  std::vector<const Json*> formats;

  std::vector<Bound> lower;
  std::vector<Bound> upper;
};

/// Reads `set`. Where a schema names no type but has keywords of some types, it means those types;
/// an object with properties and no word on others has no others: both narrower than the standard,
/// as other engines have it. INVALID_ARGUMENT when the budget is used up.
StatusOr<SchemaFacts> ReadFacts(const SchemaDocument& document, const SchemaSet& set,
                                CompileBudget& budget);

/// True when no value can satisfy both; false when it is not obvious.
StatusOr<bool> AreDisjoint(const SchemaDocument& document, const SchemaSet& a, const SchemaSet& b,
                           CompileBudget& budget);

}  // namespace hadal::inference
