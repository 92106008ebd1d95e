#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "inference/kernels/thread_pool.h"

namespace hadal::inference {

struct KernelTable;

/// Instruction sets with kernels. kScalar is the reference and runs everywhere; kAvx2 needs
/// AVX2, FMA and F16C; kAvx512 needs AVX-512 F, BW, DQ, VL and VNNI.
enum class Isa { kScalar, kAvx2, kAvx512 };

const char* IsaName(Isa isa);
/// Those this CPU (and its operating system) can run, slowest first; kScalar is always there.
std::vector<Isa> AvailableIsas();

/// Where the ops of this folder run: a pool and the kernels of one instruction set. Every op gives
/// the same bits with every instruction set and every number of threads: all of them do the same
/// float operations in the same order, and integer sums are exact. Cheap to copy. Thread-safe.
class CpuDevice {
 public:
  /// The best instruction set of this machine.
  explicit CpuDevice(std::shared_ptr<ThreadPool> pool);
  /// `isa` must be one of AvailableIsas().
  CpuDevice(std::shared_ptr<ThreadPool> pool, Isa isa);

  ThreadPool& pool() const { return *pool_; }
  Isa isa() const { return isa_; }
  const KernelTable& kernels() const { return *kernels_; }

 private:
  std::shared_ptr<ThreadPool> pool_;
  Isa isa_;
  const KernelTable* kernels_;
};

}  // namespace hadal::inference
