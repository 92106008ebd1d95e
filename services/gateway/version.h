#pragma once

namespace hadal::gateway {

/// As the project's CMakeLists.txt has it.
inline constexpr char kVersion[] = HADAL_VERSION;

}  // namespace hadal::gateway
