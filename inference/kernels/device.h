#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "inference/kernels/thread_pool.h"

namespace hadal::inference {

struct CpuBackend;

/// Instruction sets with kernels. kScalar is the reference and runs everywhere; kAvx2 needs
/// AVX2, FMA and F16C; kAvx512 needs AVX-512 F, BW, DQ, VL and VNNI; kAmx is kAvx512 with AMX's
/// int8 tiles for products of many rows.
enum class Isa { kScalar, kAvx2, kAvx512, kAmx };

const char* IsaName(Isa isa);
/// Those this CPU (and its operating system) can run, slowest first; kScalar is always there.
std::vector<Isa> AvailableIsas();

/// Where the ops of this folder run, and where their operands lie. Who calls ops names no backend:
/// the ops choose by the device they are given. The CPU is the only one so far: a pool of threads,
/// the kernels of one instruction set, and ordinary memory; it gives the same bits with every
/// instruction set and every number of threads, because all of them do the same float operations in
/// the same order, and integer sums are exact. Cheap to copy. Thread-safe.
class Device {
 public:
  /// This machine's CPU, with its best instruction set. Who has a pool and asks for a device means
  /// this one.
  Device(std::shared_ptr<ThreadPool> pool);  // NOLINT(google-explicit-constructor)
  /// The same with `isa`, one of AvailableIsas().
  Device(std::shared_ptr<ThreadPool> pool, Isa isa);
  /// With kernels of the caller's own, for who measures them.
  explicit Device(std::shared_ptr<const CpuBackend> backend) : cpu_(std::move(backend)) {}

  /// This machine's CPU, on the calling thread alone.
  static Device CallingThread();

  /// The same memory, without the threads that ops of others run on: what loads weights while a
  /// decoder runs packs them with it.
  Device ForLoading() const;

  /// The backend, for ops alone (kernels/cpu/backend.h).
  const CpuBackend& cpu() const { return *cpu_; }

 private:
  std::shared_ptr<const CpuBackend> cpu_;
};

}  // namespace hadal::inference
