#include "inference/kernels/device.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {
namespace {

const KernelTable kScalarTable = {&kScalarMatMul, &kScalarInt8MatMul, &kScalarAttention,
                                  &kScalarEncoderAttention, &kScalarElementwise};
#if defined(__x86_64__)
const KernelTable kAvx2Table = {&kAvx2MatMul, &kAvx2Int8MatMul, &kAvx2Attention,
                                  &kAvx2EncoderAttention, &kAvx2Elementwise};
const KernelTable kAvx512Table = {&kAvx512MatMul, &kAvx512Int8MatMul, &kAvx512Attention,
                                  &kAvx512EncoderAttention, &kAvx512Elementwise};
const KernelTable kAmxTable = {&kAmxMatMul, &kAmxInt8MatMul, &kAvx512Attention,
                               &kAmxEncoderAttention, &kAvx512Elementwise};
#endif

const KernelTable* TableFor(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2: return &kAvx2Table;
    case Isa::kAvx512: return &kAvx512Table;
    case Isa::kAmx: return &kAmxTable;
#endif
    default: return &kScalarTable;
  }
}

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAmx: return "amx";
  }
  return "unknown";
}

#if defined(__x86_64__)
// clang's __builtin_cpu_supports does not know f16c. The registers are AVX's.
bool HasF16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

// Linux keeps the tile registers from a process until it asks for them, once for all its threads
// (Documentation/arch/x86/xstate.rst).
bool MayUseAmx() {
  constexpr unsigned kTileBit = 1u << 24, kInt8Bit = 1u << 25;  // of leaf 7, edx
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kTileBit) == 0 || (edx & kInt8Bit) == 0) return false;
  static const bool granted = ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}
#endif

std::vector<Isa> AvailableIsas() {
  std::vector<Isa> isas = {Isa::kScalar};
#if defined(__x86_64__)
  // __builtin_cpu_supports also asks the operating system whether it saves the registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    HasF16c();
  if (avx2) isas.push_back(Isa::kAvx2);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    isas.push_back(Isa::kAvx512);
    if (MayUseAmx()) isas.push_back(Isa::kAmx);
  }
#endif
  return isas;
}

Device::Device(std::shared_ptr<ThreadPool> pool)
    : Device(std::move(pool), AvailableIsas().back()) {}

Device::Device(std::shared_ptr<ThreadPool> pool, Isa isa)
    : cpu_(std::make_shared<const CpuBackend>(CpuBackend{std::move(pool), isa, TableFor(isa)})) {
  const std::vector<Isa> isas = AvailableIsas();
  CHECK(std::find(isas.begin(), isas.end(), isa) != isas.end());
}

Device Device::CallingThread() { return Device(std::make_shared<ThreadPool>(1)); }

Device Device::ForLoading() const { return Device(std::make_shared<ThreadPool>(1), cpu_->isa); }

}  // namespace hadal::inference
