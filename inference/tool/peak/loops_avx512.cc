#include <immintrin.h>

#include "inference/tool/peak/loops.h"

namespace hadal::inference::tool {
namespace {

// More than two a cycle times their latency.
constexpr int kSums = 16;

int32_t Multiply(int64_t rounds) {
  __m512i sum[kSums];
  for (__m512i& value : sum) value = _mm512_setzero_si512();
  const __m512i a = _mm512_set1_epi8(kLeft), b = _mm512_set1_epi8(kRight);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i) sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
  }
  for (int i = 1; i < kSums; ++i) sum[0] = _mm512_add_epi32(sum[0], sum[i]);
  return _mm512_reduce_add_epi32(sum[0]);
}

int64_t Read(const uint8_t* data, int64_t bytes) {
  __m512i sum[8];
  for (__m512i& value : sum) value = _mm512_setzero_si512();
  for (int64_t i = 0; i < bytes; i += 8 * 64) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      sum[k] = _mm512_add_epi64(sum[k], _mm512_load_si512(data + i + k * 64));
    }
  }
  for (int k = 1; k < 8; ++k) sum[0] = _mm512_add_epi64(sum[0], sum[k]);
  return _mm512_reduce_add_epi64(sum[0]);
}

}  // namespace

const PeakLoops kAvx512Peak = {"avx512", kSums * 64, Multiply, Read};

}  // namespace hadal::inference::tool
