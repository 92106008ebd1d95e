#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/v1/label.pb.h"

namespace hadal::cli {

/// "public", "internal", "confidential" or "secret"; INVALID_ARGUMENT naming them otherwise.
StatusOr<v1::Classification> ParseClassification(const std::string& name);
std::string ClassificationName(v1::Classification classification);

inline const std::vector<std::string>& ClassificationNames() {
  static const std::vector<std::string> names = {"public", "internal", "confidential", "secret"};
  return names;
}

}  // namespace hadal::cli
