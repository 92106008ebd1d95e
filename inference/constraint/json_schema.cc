#include "inference/constraint/json_schema.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "inference/constraint/char_dfa.h"
#include "inference/constraint/number_dfa.h"
#include "inference/constraint/regex.h"
#include "inference/constraint/schema_document.h"
#include "inference/constraint/schema_facts.h"
#include "inference/constraint/string_formats.h"

namespace hadal::inference {
namespace {

/// Of properties in one object, and alternatives in one place: each is one more way to read a text
/// (ConfigurationTable::kMaxConfigurations).
constexpr size_t kMaxBranches = 256;
constexpr size_t kMaxRules = 8192;

/// Between tokens of JSON: nothing, a space, or a new line with indentation. Bounded, or a model
/// might never come back from white space (llama.cpp's grammar has about the same).
constexpr std::string_view kSpace = "( |\n( {0,32}|\t{0,8}))";

/// One rule per set of schemas that hold for a value; a queue instead of recursion, so that a chain
/// of references costs no stack.
class Compiler {
 public:
  Compiler(const SchemaDocument& document, GrammarBuilder& builder, CompileBudget& budget)
      : document_(document), builder_(builder), budget_(budget) {}

  StatusOr<int32_t> Run() {
    space_ = builder_.AddNode();
    ASSIGN_OR_RETURN(const CharDfa space,
                     CompileRegex(kSpace, RegexDialect::kRe2, RegexMatch::kFull, budget_));
    builder_.MarkFinal(builder_.Match(space_, space));
    const int32_t root = RuleOf({&document_.root()});
    for (size_t i = 0; i < queue_.size(); ++i) {
      const auto [set, rule] = queue_[i];
      const Status built = BuildRule(set, rule);
      if (!built.ok()) return WithPlace(built, set);
      RETURN_IF_ERROR(builder_.status());
      if (queue_.size() > kMaxRules) {
        return InvalidArgument("the schema has more than {} combinations of its parts", kMaxRules);
      }
    }
    return root;
  }

 private:
  /// Puts the place of the first schema before a message that names none.
  Status WithPlace(const Status& status, const SchemaSet& set) const {
    if (set.empty() || StatusMessage(status).starts_with('#')) return status;
    return Annotate(status, document_.PathOf(*set.front()));
  }

  /// The rule for values that satisfy all of `set`.
  int32_t RuleOf(SchemaSet set) {
    std::erase_if(set, [](const Json* schema) {
      return *schema == true || (schema->is_object() && schema->empty());
    });
    const auto [it, added] = rules_.emplace(set, 0);
    if (added) {
      it->second = builder_.AddNode();
      queue_.emplace_back(std::move(set), it->second);
    }
    return it->second;
  }

  Status BuildRule(const SchemaSet& set, int32_t start) {
    ASSIGN_OR_RETURN(const SchemaFacts facts, ReadFacts(document_, set, budget_));
    const int32_t end = builder_.AddNode();
    builder_.MarkFinal(end);
    if (facts.types == 0) return OkStatus();  // never ends: whoever calls it drops it
    if (!facts.choices.empty()) return AddChoice(set, facts.choices.front(), start, end);
    if (facts.values) return AddValues(facts, start, end);
    if ((facts.types & kNullType) != 0) {
      builder_.Connect(builder_.Text(start, "null"), end);
    }
    if ((facts.types & kBooleanType) != 0) {
      builder_.Connect(builder_.Text(start, "true"), end);
      builder_.Connect(builder_.Text(start, "false"), end);
    }
    if ((facts.types & kIntegerType) != 0) RETURN_IF_ERROR(AddNumber(facts, start, end));
    if ((facts.types & kStringType) != 0) {
      ASSIGN_OR_RETURN(const CharDfa dfa, StringDfa(facts));
      builder_.Connect(builder_.JsonString(start, dfa), end);
    }
    if ((facts.types & kArrayType) != 0) AddArray(facts, start, end);
    if ((facts.types & kObjectType) != 0) return AddObject(facts, start, end);
    return OkStatus();
  }

  /// anyOf, or oneOf whose alternatives exclude each other: then it is an anyOf.
  Status AddChoice(const SchemaSet& set, const SchemaFacts::Choice& choice, int32_t start,
                   int32_t end) {
    const Json& alternatives = *choice.alternatives;
    const std::string& place = document_.PlaceOf(alternatives);
    if (alternatives.size() > kMaxBranches) {
      return InvalidArgument("{}: more than {} alternatives", place, kMaxBranches);
    }
    std::vector<SchemaSet> sets;
    for (const Json& alternative : alternatives) {
      sets.push_back(With(set, {&alternatives, &alternative}));
    }
    for (size_t i = 0; choice.exactly_one && i < sets.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        ASSIGN_OR_RETURN(const bool apart, AreDisjoint(document_, sets[j], sets[i], budget_));
        if (apart) continue;
        return InvalidArgument(
            "{}: alternatives {} and {} may hold for the same value; give both a required "
            "property with different \"const\" values, or use anyOf",
            place, j, i);
      }
    }
    for (SchemaSet& alternative : sets) {
      builder_.Connect(builder_.Call(start, RuleOf(std::move(alternative))), end);
    }
    return OkStatus();
  }

  /// enum and const.
  Status AddValues(const SchemaFacts& facts, int32_t start, int32_t end) {
    std::vector<std::string> strings;
    std::vector<std::string> others;
    size_t containers = 0;
    for (const Json& value : *facts.values) {
      RETURN_IF_ERROR(CheckAlone(facts, value));
      if (value.is_string()) {
        strings.push_back(value.get<std::string>());
      } else if (value.is_structured()) {
        builder_.Connect(AddValue(value, start), end);
        ++containers;
      } else {
        others.push_back(value.dump());
      }
    }
    if (containers > kMaxBranches) {
      return InvalidArgument("more than {} lists and objects in an enum", kMaxBranches);
    }
    ASSIGN_OR_RETURN(const CharDfa strings_dfa, AnyOf(strings, budget_));
    ASSIGN_OR_RETURN(const CharDfa others_dfa, AnyOf(others, budget_));
    if (!strings.empty()) builder_.Connect(builder_.JsonString(start, strings_dfa), end);
    if (!others.empty()) builder_.Connect(builder_.Match(start, others_dfa), end);
    return OkStatus();
  }

  /// Listed values are taken as they are, so nothing else may be said about their type.
  static Status CheckAlone(const SchemaFacts& facts, const Json& value) {
    const unsigned type = TypeOf(value);
    const bool string_facts = facts.min_length > 0 || facts.max_length != kUnlimited ||
                              !facts.patterns.empty() || !facts.formats.empty();
    const bool number_facts = !facts.lower.empty() || !facts.upper.empty();
    const bool array_facts = !facts.prefix_items.empty() || !facts.items.empty() ||
                             facts.min_items > 0 || facts.max_items != kUnlimited;
    const bool object_facts = !facts.properties.empty() || !facts.other_schemas.empty();
    if ((type == kStringType && string_facts) || (type == kArrayType && array_facts) ||
        (type == kObjectType && object_facts) ||
        ((type & (kIntegerType | kFractionType)) != 0 && number_facts)) {
      return InvalidArgument(
          "enum or const together with other keywords for the same type is not supported; leave "
          "those out");
    }
    return OkStatus();
  }

  /// `value` as JSON. No deeper than the document.
  int32_t AddValue(const Json& value, int32_t from) {
    if (!value.is_structured()) {
      if (!value.is_string()) return builder_.Text(from, value.dump());
      return AddKey(value.get<std::string>(), from);
    }
    const bool is_object = value.is_object();
    int32_t at = OptionalSpace(builder_.Text(from, is_object ? "{" : "["));
    bool first = true;
    for (const auto& [key, item] : value.items()) {
      if (!first) at = OptionalSpace(builder_.Text(at, ","));
      first = false;
      if (is_object) at = AddColon(AddKey(key, at));
      at = AddValue(item, at);
    }
    if (!first) at = OptionalSpace(at);
    return builder_.Text(at, is_object ? "}" : "]");
  }

  int32_t AddKey(const std::string& key, int32_t from) {
    const StatusOr<CharDfa> dfa = AnyOf({key}, budget_);
    // Out of budget the builder soon is, too, and says so.
    return dfa.ok() ? builder_.JsonString(from, *dfa) : builder_.JsonString(from, CharDfa());
  }

  int32_t AddColon(int32_t from) {
    const int32_t colon = builder_.Text(from, ":");
    const int32_t end = builder_.Text(colon, " ");
    builder_.Connect(colon, end);
    return end;
  }

  int32_t OptionalSpace(int32_t from) {
    const int32_t end = builder_.Call(from, space_);
    builder_.Connect(from, end);
    return end;
  }

  Status AddNumber(const SchemaFacts& facts, int32_t start, int32_t end) {
    const bool fractions = (facts.types & kFractionType) != 0;
    RETURN_IF_ERROR(CheckNumberFormats(facts));
    if (facts.lower.empty() && facts.upper.empty()) {
      int32_t& rule = fractions ? number_ : integer_;
      if (rule < 0) {
        rule = builder_.AddNode();
        ASSIGN_OR_RETURN(const CharDfa dfa, NumberDfa(fractions, {}, {}, budget_));
        builder_.MarkFinal(builder_.Match(rule, dfa));
      }
      builder_.Connect(builder_.Call(start, rule), end);
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const CharDfa dfa, NumberDfa(fractions, facts.lower, facts.upper, budget_));
    builder_.Connect(builder_.Match(start, dfa), end);
    return OkStatus();
  }

  /// OpenAPI's. Whole numbers have at most 18 digits, so they are int64.
  Status CheckNumberFormats(const SchemaFacts& facts) const {
    if ((facts.types & kStringType) != 0) return OkStatus();  // a format of strings
    for (const Json* format : facts.formats) {
      if (*format == "int64" || *format == "double" || *format == "float") continue;
      return InvalidArgument(
          "{}: the format {} of a number is not supported; use minimum and "
          "maximum",
          document_.PlaceOf(*format), format->dump());
    }
    return OkStatus();
  }

  StatusOr<CharDfa> StringDfa(const SchemaFacts& facts) {
    ASSIGN_OR_RETURN(CharDfa dfa, LengthDfa(facts.min_length, facts.max_length, budget_));
    for (const Json* pattern : facts.patterns) {
      RETURN_IF_ERROR(Narrow(*pattern, pattern->get<std::string>(), RegexMatch::kSearch, dfa));
    }
    for (const Json* format : facts.formats) {
      const std::string_view regex = RegexOfFormat(format->get<std::string>());
      if (regex.empty()) {
        return InvalidArgument("{}: the format {} is not supported; use pattern, or leave it out",
                               document_.PlaceOf(*format), format->dump());
      }
      RETURN_IF_ERROR(Narrow(*format, regex, RegexMatch::kFull, dfa));
    }
    return dfa;
  }

  Status Narrow(const Json& keyword, std::string_view regex, RegexMatch match, CharDfa& dfa) {
    StatusOr<CharDfa> side = CompileRegex(regex, RegexDialect::kEcma, match, budget_);
    if (side.ok()) side = Intersect(dfa, *side, budget_);
    if (!side.ok()) return Annotate(side.status(), document_.PlaceOf(keyword));
    dfa = *std::move(side);
    return OkStatus();
  }

  /// "[" (item ("," item)*)? "]": one chain through the places that differ, then a loop.
  void AddArray(const SchemaFacts& facts, int32_t start, int32_t end) {
    const auto prefix = static_cast<int64_t>(facts.prefix_items.size());
    const bool loops = facts.max_items == kUnlimited;
    const int64_t places = loops ? std::max(prefix, facts.min_items) + 1 : facts.max_items;
    const int32_t opened = OptionalSpace(builder_.Text(start, "["));
    if (facts.min_items == 0) builder_.Connect(builder_.Text(opened, "]"), end);
    int32_t before_item = builder_.AddNode();  // a loop comes back to it, and must not close there
    builder_.Connect(opened, before_item);
    for (int64_t i = 0; i < places && builder_.status().ok(); ++i) {
      const SchemaSet& item = i < prefix ? facts.prefix_items[static_cast<size_t>(i)] : facts.items;
      const int32_t after_item = builder_.Call(before_item, RuleOf(item));
      if (i + 1 >= facts.min_items) {
        builder_.Connect(builder_.Text(OptionalSpace(after_item), "]"), end);
      }
      const int32_t next = OptionalSpace(builder_.Text(after_item, ","));
      if (loops && i + 1 == places) builder_.Connect(next, before_item);
      before_item = next;
    }
  }

  /// Members in the schema's order, optional ones may be left out, others come last.
  Status AddObject(const SchemaFacts& facts, int32_t start, int32_t end) {
    const std::vector<SchemaFacts::Property>& properties = facts.properties;
    if (properties.size() > kMaxBranches) {
      return InvalidArgument("an object has {} properties; at most {} are supported",
                             properties.size(), kMaxBranches);
    }
    // Behind the last required property the object may end.
    size_t last_required = 0;
    for (size_t i = 0; i < properties.size(); ++i) {
      if (properties[i].required) last_required = i + 1;
    }
    const int32_t opened = OptionalSpace(builder_.Text(start, "{"));
    if (last_required == 0) builder_.Connect(builder_.Text(opened, "}"), end);
    int32_t before_key = builder_.AddNode();
    builder_.Connect(opened, before_key);
    std::vector<std::string> names;
    int32_t after_value = -1;
    for (size_t i = 0; i < properties.size(); ++i) {
      const SchemaFacts::Property& property = properties[i];
      names.push_back(property.name);
      // Behind this property the next one begins with a comma, without it at once.
      const int32_t next_key = builder_.AddNode();
      if (!property.forbidden) {
        const int32_t value = AddColon(AddKey(property.name, before_key));
        after_value = builder_.Call(value, RuleOf(property.schemas));
        builder_.Connect(OptionalSpace(builder_.Text(after_value, ",")), next_key);
        if (i + 1 >= last_required) {
          builder_.Connect(builder_.Text(OptionalSpace(after_value), "}"), end);
        }
      }
      if (!property.required) builder_.Connect(before_key, next_key);
      before_key = next_key;
    }
    if (!facts.open) return OkStatus();
    ASSIGN_OR_RETURN(const CharDfa other_names, AnyTextExcept(names, budget_));
    const int32_t value = AddColon(builder_.JsonString(before_key, other_names));
    after_value = builder_.Call(value, RuleOf(facts.other_schemas));
    builder_.Connect(builder_.Text(OptionalSpace(after_value), "}"), end);
    builder_.Connect(OptionalSpace(builder_.Text(after_value, ",")), before_key);
    return OkStatus();
  }

  const SchemaDocument& document_;
  GrammarBuilder& builder_;
  CompileBudget& budget_;
  std::map<SchemaSet, int32_t> rules_;
  std::vector<std::pair<SchemaSet, int32_t>> queue_;
  int32_t space_ = -1;
  int32_t integer_ = -1;
  int32_t number_ = -1;
};

}  // namespace

StatusOr<int32_t> AddJsonSchema(std::string_view schema, GrammarBuilder& builder,
                                CompileBudget& budget) {
  ASSIGN_OR_RETURN(const auto document, SchemaDocument::Parse(schema));
  return Compiler(*document, builder, budget).Run();
}

}  // namespace hadal::inference
