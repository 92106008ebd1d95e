#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "inference/kernels/thread_pool.h"

namespace hadal::inference::tool {

/// Int8 multiply-adds in registers, nothing read from memory.
struct Int8Peak {
  std::string isa;            ///< "scalar", "avx2", "avx512" (VNNI) or "amx"
  double ops_per_second = 0;  ///< a multiply-add is two
};

/// What the threads of a pool can do at best, as far as a loop of some instructions shows it: what
/// the speed of an engine is a share of.
struct MachinePeak {
  double read_bytes_per_second = 0;  ///< a streaming read of far more than the last cache holds
  /// Of the instruction sets that the kernels choose (AvailableIsas()): the best one for few rows,
  /// and AMX's tiles for many where there are any.
  std::vector<Int8Peak> int8;
};

/// Measures with all threads of `pool`, for half a second or so; the best of several runs, because
/// whatever else runs only takes away. RESOURCE_EXHAUSTED where there is no memory to read (four
/// times the last cache, 256 MiB at least).
StatusOr<MachinePeak> MeasureMachine(ThreadPool& pool);

}  // namespace hadal::inference::tool
