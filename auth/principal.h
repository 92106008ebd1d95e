#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hadal/v1/label.pb.h"

namespace hadal::auth {

/// Who asks, as established by an Authenticator.
struct Principal {
  std::string user_id;
  std::string key_id;
  v1::Classification clearance = v1::CLASSIFICATION_UNSPECIFIED;  ///< unspecified reads nothing
  std::vector<std::string> compartments;
  std::vector<std::string> groups;
  std::vector<std::string> roles;
};

/// clearance >= classification AND compartments(label) within the principal's AND (no groups on the
/// label, or one of them the principal's). An unspecified classification is readable by nobody.
bool MayRead(const Principal& principal, const v1::Label& label);

}  // namespace hadal::auth
