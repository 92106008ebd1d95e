#pragma once

#include <string>
#include <vector>

namespace hadal::inference::testing {

/// A schema, JSON texts it must let through and texts it must not.
struct SchemaCase {
  std::string schema;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};
const std::vector<SchemaCase>& SchemaCases();

/// A regular expression in RE2's syntax, texts it matches as a whole and texts it does not.
struct RegexCase {
  std::string regex;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};
const std::vector<RegexCase>& RegexCases();

}  // namespace hadal::inference::testing
