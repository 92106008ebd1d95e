#include "inference/comm/transport.h"

#include <algorithm>

namespace hadal::inference {

const char* NameOf(Collective collective) {
  switch (collective) {
    case Collective::kAllReduce:
      return "all-reduce";
    case Collective::kReduceScatter:
      return "reduce-scatter";
    case Collective::kAllGather:
      return "all-gather";
    case Collective::kAllToAll:
      return "all-to-all";
    case Collective::kBroadcast:
      return "broadcast";
    case Collective::kBarrier:
      return "barrier";
    case Collective::kSplit:
      return "split";
  }
  return "collective";
}

int32_t FindStuckRank(absl::Span<const int32_t> missing, int32_t world_size,
                      const std::function<const std::vector<int32_t>*(int32_t)>& waits_for) {
  std::vector<char> seen(static_cast<size_t>(world_size), 0);
  std::vector<int32_t> open(missing.begin(), missing.end());
  int32_t stuck = world_size;
  while (!open.empty()) {
    const int32_t rank = open.back();
    open.pop_back();
    if (rank < 0 || rank >= world_size || seen[static_cast<size_t>(rank)] != 0) continue;
    seen[static_cast<size_t>(rank)] = 1;
    const std::vector<int32_t>* next = waits_for(rank);
    if (next == nullptr) {
      stuck = std::min(stuck, rank);
    } else {
      open.insert(open.end(), next->begin(), next->end());
    }
  }
  return stuck == world_size ? -1 : stuck;
}

Status StuckRankError(int32_t rank, Collective collective, absl::Duration waited) {
  if (rank < 0) {
    return Unavailable(
        "{}: all ranks wait for each other for {:.3f} s: they made different calls; end the ranks "
        "and report this",
        NameOf(collective), absl::ToDoubleSeconds(waited));
  }
  return Unavailable(
      "rank {} is dead or stuck: no sign of it in {} for {:.3f} s; end the ranks and start them "
      "again",
      rank, NameOf(collective), absl::ToDoubleSeconds(waited));
}

}  // namespace hadal::inference
