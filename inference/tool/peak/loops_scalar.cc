#include "inference/tool/peak/loops.h"

namespace hadal::inference::tool {
namespace {

constexpr int kLanes = 64;

int32_t Multiply(int64_t rounds) {
  int8_t a[kLanes], b[kLanes];
  uint32_t sum[kLanes] = {};
  for (int i = 0; i < kLanes; ++i) {
    a[i] = kLeft;
    b[i] = kRight;
  }
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : : "r"(a), "r"(b) : "memory");  // other operands, as far as is known
    for (int i = 0; i < kLanes; ++i) sum[i] += static_cast<uint32_t>(a[i] * b[i]);
  }
  for (int i = 1; i < kLanes; ++i) sum[0] += sum[i];
  return static_cast<int32_t>(sum[0]);
}

int64_t Read(const uint8_t* data, int64_t bytes) {
  const auto* words = reinterpret_cast<const uint64_t*>(data);
  uint64_t sum[8] = {};
  for (int64_t i = 0; i < bytes / 8; i += 8) {
    for (int k = 0; k < 8; ++k) sum[k] += words[i + k];
  }
  for (int k = 1; k < 8; ++k) sum[0] += sum[k];
  return static_cast<int64_t>(sum[0]);
}

}  // namespace

const PeakLoops kScalarPeak = {"scalar", kLanes, Multiply, Read};

}  // namespace hadal::inference::tool
