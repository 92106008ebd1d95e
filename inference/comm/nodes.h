#pragma once

#include <cstdint>
#include <string_view>

#include "inference/comm/communicator.h"

namespace hadal::inference {

/// How many machines the ranks are on, when those of a machine follow each other and all machines
/// have equally many; 1 when they do not. `name`: that of this rank's machine, of which the first
/// 256 bytes count. Collective; errors of Communicator.
StatusOr<int32_t> CountNodes(Communicator& world, std::string_view name);

}  // namespace hadal::inference
