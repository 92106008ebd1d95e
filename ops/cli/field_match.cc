#include "ops/cli/field_match.h"

#include "ops/cli/output.h"

namespace hadal::cli {

StatusOr<v1::FieldMatch> ParseFieldMatch(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    return InvalidArgument("--field is '{}', expected NAME=VALUE", Printable(text));
  }
  v1::FieldMatch field;
  field.set_name(text.substr(0, equals));
  field.set_value(text.substr(equals + 1));
  return field;
}

}  // namespace hadal::cli
