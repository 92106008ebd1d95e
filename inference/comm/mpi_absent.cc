// Takes the place of mpi_ranks.cc where CMake found no MPI.
#include "inference/comm/mpi_ranks.h"

namespace hadal::inference {

bool MpiRanks::Available() { return false; }

StatusOr<std::unique_ptr<MpiRanks>> MpiRanks::Start(absl::Duration) {
  return Unimplemented(
      "this build has no MPI: install libopenmpi-dev and openmpi-bin (ops/setup.sh), configure and "
      "build again; or run ranks as threads");
}

}  // namespace hadal::inference
