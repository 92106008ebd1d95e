#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/status.h"

namespace hadal::inference {

enum class Collective : uint8_t {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kAllToAll,
  kBroadcast,
  kBarrier,
  kSplit,
};
const char* NameOf(Collective collective);

/// One step of a collective: `send[i]` goes to `members[i]`, `receive[i]` comes from it. Empty
/// parts are messages too. The entries of the rank itself are ignored.
struct Exchange {
  Collective collective = Collective::kBarrier;
  uint32_t context = 0;   ///< tells groups apart that share ranks
  uint32_t sequence = 0;  ///< counts the exchanges of the group
  absl::Duration timeout;
  absl::Span<const int32_t> members;  ///< ranks of the world
  absl::Span<const absl::Span<const uint8_t>> send;
  absl::Span<const absl::Span<uint8_t>> receive;
};

/// How ranks reach each other: the whole difference between threads and MPI. One object per rank,
/// used by one thread at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int32_t world_rank() const = 0;
  virtual int32_t world_size() const = 0;
  virtual absl::Duration timeout() const = 0;
  /// Returns when everything was received and every peer has what was sent to it. Errors are those
  /// of Communicator; after the first one every call returns it.
  virtual Status Run(const Exchange& exchange) = 0;
};

/// Whom to blame when `missing` did not come: follows "waits for" from them to ranks that wait for
/// nobody. `waits_for(r)` is null for a rank that gives no sign of waiting. The lowest such rank;
/// -1 when all wait for each other, which is collectives in different order.
int32_t FindStuckRank(absl::Span<const int32_t> missing, int32_t world_size,
                      const std::function<const std::vector<int32_t>*(int32_t)>& waits_for);

/// The error that names `rank` (or, with -1, the ranks that wait for each other).
Status StuckRankError(int32_t rank, Collective collective, absl::Duration waited);

}  // namespace hadal::inference
