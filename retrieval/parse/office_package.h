#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

inline constexpr int kMaxPackageEntries = 4096;

enum class PackageKind {
  kDocx,
  kXlsx,
  kPptx,
  kOpenDocument,
  kOther,
  kDamaged,
  kTooManyEntries,
  kUnsafeName,
  kEncrypted
};

/// Reads the names in a ZIP container's directory; no entry is expanded.
PackageKind DetectPackageKind(std::string_view content);

struct PackageLimits {
  size_t max_part_bytes = size_t{48} << 20;
  size_t max_total_bytes = size_t{96} << 20;
};

/// Expands the parts named in `wanted` that are there; a name that ends with '/' stands for all XML
/// parts and relations below that folder. RESOURCE_EXHAUSTED when a part or all of
/// them together grow beyond the limits (a ZIP bomb is left at that point), DATA_LOSS when an entry
/// cannot be expanded or stands twice in the directory.
StatusOr<std::map<std::string, std::string>> ReadParts(std::string_view content,
                                                       const std::vector<std::string>& wanted,
                                                       const PackageLimits& limits = {});

}  // namespace hadal::retrieval
