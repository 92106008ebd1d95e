#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

/// JSON whose objects keep the order of their members.
using Json = nlohmann::ordered_json;

/// A JSON Schema (draft 2020-12) whose every reachable part is known to be well-formed and made of
/// supported keywords. Thread-safe (const).
class SchemaDocument {
 public:
  static constexpr size_t kMaxBytes = 65'536;
  static constexpr int kMaxDepth = 64;

  /// INVALID_ARGUMENT naming keyword and place: what is no JSON, larger than kMaxBytes or nested
  /// deeper than kMaxDepth, a keyword whose value has the wrong shape, a keyword that would change
  /// what is valid and is not supported, a reference out of the schema or in a circle.
  static StatusOr<std::unique_ptr<const SchemaDocument>> Parse(std::string_view text);

  const Json& root() const { return root_; }
  /// Where a schema of this document stands, such as "#/properties/name".
  const std::string& PathOf(const Json& schema) const { return paths_.at(&schema); }
  /// The same for the value of a keyword.
  const std::string& PlaceOf(const Json& value) const { return places_.at(&value); }
  /// What a $ref of this document refers to.
  const Json& Resolve(const Json& reference) const { return *targets_.at(&reference); }

 private:
  SchemaDocument() = default;
  Status Check();
  Status CheckSchema(const Json& schema);
  Status CheckKeyword(const std::string& keyword, const Json& value, const std::string& path);
  Status AddReference(const Json& value, const std::string& path);
  Status CheckInPlace(const Json& schema, int depth, std::unordered_map<const Json*, int>& heights);
  void AddSchema(const Json& schema, std::string path);
  template <typename Visit>
  Status ForEachInPlace(const Json& schema, Visit visit) const;

  Json root_;
  std::unordered_map<const Json*, std::string> paths_;
  std::unordered_map<const Json*, std::string> places_;
  std::unordered_map<const Json*, const Json*> targets_;  ///< by the value of $ref
  std::vector<const Json*> schemas_;                      ///< in the order they were met
};

}  // namespace hadal::inference
