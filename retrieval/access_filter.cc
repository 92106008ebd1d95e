#include "retrieval/access_filter.h"

#include <algorithm>

namespace hadal::retrieval {
namespace {

bool Contains(const std::vector<std::string>& set, const std::string& item) {
  return std::find(set.begin(), set.end(), item) != set.end();
}

}  // namespace

bool AccessFilter::Allows(const Label& label) const {
  if (clearance == Classification::kNone || label.classification == Classification::kNone) {
    return false;
  }
  if (clearance < label.classification) return false;
  const auto ours = [this](const std::string& c) { return Contains(compartments, c); };
  if (!std::all_of(label.compartments.begin(), label.compartments.end(), ours)) return false;
  if (label.groups.empty()) return true;
  return std::any_of(label.groups.begin(), label.groups.end(),
                     [this](const std::string& g) { return Contains(groups, g); });
}

}  // namespace hadal::retrieval
