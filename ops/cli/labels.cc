#include "ops/cli/labels.h"

#include <algorithm>

namespace hadal::cli {

StatusOr<v1::Classification> ParseClassification(const std::string& name) {
  const auto& names = ClassificationNames();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return InvalidArgument(
        "classification \"{}\": expected public, internal, confidential or secret", name);
  }
  return static_cast<v1::Classification>(found - names.begin() + 1);
}

std::string ClassificationName(v1::Classification classification) {
  const auto index = static_cast<size_t>(classification);
  return index >= 1 && index <= ClassificationNames().size() ? ClassificationNames()[index - 1]
                                                             : "unspecified";
}

}  // namespace hadal::cli
