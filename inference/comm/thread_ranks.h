#pragma once

#include <memory>
#include <vector>

#include "inference/comm/communicator.h"

namespace hadal::inference {

/// Ranks that are threads of this process: communicator r is for the r-th thread. They copy from
/// each other's memory. A rank whose communicators (splits included) are all gone has left: who
/// waits for it is told at once. `timeout` is that of every collective.
std::vector<std::unique_ptr<Communicator>> CreateThreadRanks(int32_t ranks, absl::Duration timeout);

}  // namespace hadal::inference
