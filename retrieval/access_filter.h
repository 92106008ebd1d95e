#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hadal::retrieval {

/// Ordered. kNone is below every document: it opens nothing.
enum class Classification : uint8_t { kNone = 0, kPublic, kInternal, kConfidential, kSecret };

/// What a document demands of its reader.
struct Label {
  Classification classification = Classification::kSecret;
  std::vector<std::string> compartments;
  std::vector<std::string> groups;
  bool operator==(const Label&) const = default;
};

/// What a reader has. The default opens nothing.
struct AccessFilter {
  Classification clearance = Classification::kNone;
  std::vector<std::string> compartments;
  std::vector<std::string> groups;

  /// clearance >= classification AND compartments(label) within ours AND (no groups on the label,
  /// or one of them ours). The one definition of the rule in this module.
  bool Allows(const Label& label) const;
};

}  // namespace hadal::retrieval
