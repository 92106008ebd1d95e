#pragma once

#include <memory>

#include "inference/comm/communicator.h"

namespace hadal::inference {

/// Ranks that are processes which mpirun or srun started. One object per process.
///
///   ASSIGN_OR_RETURN(auto ranks, MpiRanks::Start(timeout));
///   ... ranks->world() ...
///   RETURN_IF_ERROR(ranks->Finish());
///
/// Waiting ranks tell all others every timeout / 20 (10 ms to 1 s) whom they wait for; that is how
/// a silent rank is told from one that waits itself. Without Finish(), or after a failure, the
/// destructor tells the others that this rank has left and does not call MPI_Finalize, which would
/// wait for ranks that are gone: end the process then. Confined to one thread at a time.
class MpiRanks {
 public:
  /// False where the build found no MPI.
  static bool Available();
  /// Initialises MPI. UNIMPLEMENTED where the build found none, FAILED_PRECONDITION when it was
  /// initialised before. `timeout` is that of every collective.
  static StatusOr<std::unique_ptr<MpiRanks>> Start(absl::Duration timeout);
  virtual ~MpiRanks() = default;
  virtual Communicator& world() = 0;
  /// Meets the other ranks for the last time. All communicators are useless afterwards.
  virtual Status Finish() = 0;
};

}  // namespace hadal::inference
