#include <immintrin.h>

#include "inference/tool/peak/loops.h"

namespace hadal::inference::tool {
namespace {

constexpr int kSums = 8;

// Without VNNI a multiply-add of bytes takes three instructions.
int32_t Multiply(int64_t rounds) {
  __m256i sum[kSums];
  for (__m256i& value : sum) value = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(kLeft);
  const __m256i b = _mm256_set1_epi8(kRight), ones = _mm256_set1_epi16(1);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 8
    for (int i = 0; i < kSums; ++i) {
      asm volatile("" : "+x"(a));  // another operand, as far as is known
      sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  for (int i = 1; i < kSums; ++i) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
  sum[0] = _mm256_hadd_epi32(sum[0], sum[0]);
  sum[0] = _mm256_hadd_epi32(sum[0], sum[0]);
  return _mm256_extract_epi32(sum[0], 0) + _mm256_extract_epi32(sum[0], 4);
}

int64_t Read(const uint8_t* data, int64_t bytes) {
  __m256i sum[8];
  for (__m256i& value : sum) value = _mm256_setzero_si256();
  for (int64_t i = 0; i < bytes; i += 8 * 32) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      const auto* from = reinterpret_cast<const __m256i*>(data + i + k * 32);
      sum[k] = _mm256_add_epi64(sum[k], _mm256_load_si256(from));
    }
  }
  for (int k = 1; k < 8; ++k) sum[0] = _mm256_add_epi64(sum[0], sum[k]);
  const __m128i half =
      _mm_add_epi64(_mm256_castsi256_si128(sum[0]), _mm256_extracti128_si256(sum[0], 1));
  return _mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
}

}  // namespace

const PeakLoops kAvx2Peak = {"avx2", kSums * 32, Multiply, Read};

}  // namespace hadal::inference::tool
