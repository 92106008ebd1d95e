#pragma once

#include <cstdint>
#include <vector>

#include "base/file.h"
#include "inference/comm/communicator.h"

namespace hadal::inference {

/// The processes of the other ranks on this machine: a rank that died is known at once, not when
/// its silence has lasted for the timeout. Ranks elsewhere are not watched. Thread-compatible.
class PeerProcesses {
 public:
  /// Watches nobody.
  PeerProcesses() = default;
  /// Collective; errors of Communicator. Where the kernel has no pidfd_open (before Linux 5.3)
  /// nobody is watched.
  static StatusOr<PeerProcesses> Meet(Communicator& world);
  /// The lowest rank whose process ended; -1: none. One system call, which does not wait.
  int32_t FindEnded() const;

 private:
  struct Peer {
    int32_t rank;
    UniqueFd process;  ///< readable when it ended
  };
  std::vector<Peer> peers_;  ///< by rank
};

}  // namespace hadal::inference
