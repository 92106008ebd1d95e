#include <algorithm>

#include "auth/principal.h"

namespace hadal::auth {
namespace {

bool Holds(const std::vector<std::string>& set, const std::string& item) {
  return std::find(set.begin(), set.end(), item) != set.end();
}

// proto3 enums are open: a number this program does not know must not compare as "very cleared".
bool IsKnown(v1::Classification classification) {
  return classification > v1::CLASSIFICATION_UNSPECIFIED &&
         v1::Classification_IsValid(static_cast<int>(classification));
}

}  // namespace

bool MayRead(const Principal& principal, const v1::Label& label) {
  if (!IsKnown(principal.clearance) || !IsKnown(label.classification())) return false;
  if (principal.clearance < label.classification()) return false;
  for (const std::string& compartment : label.compartments()) {
    if (!Holds(principal.compartments, compartment)) return false;
  }
  if (label.groups().empty()) return true;
  return std::any_of(label.groups().begin(), label.groups().end(),
                     [&](const std::string& group) { return Holds(principal.groups, group); });
}

}  // namespace hadal::auth
