#pragma once

#include <memory>

#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/device.h"

namespace hadal::inference {

/// What a Device is on the CPU. Thread-safe.
struct CpuBackend {
  std::shared_ptr<ThreadPool> threads;
  Isa isa = Isa::kScalar;
  const KernelTable* table = nullptr;

  ThreadPool& pool() const { return *threads; }
  const KernelTable& kernels() const { return *table; }
};

}  // namespace hadal::inference
