#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "inference/kernels/cpu/unroll.h"
#include "inference/kernels/cpu/vec_tiles.h"

namespace hadal::inference {

/// vec_scalar.h on AVX2, FMA and F16C: two registers for sixteen lanes.
struct VecAvx2 : SmallTiles {
  struct F { __m256 lo, hi; };
  struct I { __m256i lo, hi; };
  struct U8 { __m256i lo, hi; };
  using X4 = __m256i;
  static void UseRows(int64_t) {}

  static F Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void Store(float* p, F a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
  }
  static F LoadPartial(const float* p, int n) {
    alignas(32) float lanes[16] = {};
    std::memcpy(lanes, p, sizeof(float) * static_cast<size_t>(n));
    return Load(lanes);
  }
  static void StorePartial(float* p, F a, int n) {
    alignas(32) float lanes[16];
    Store(lanes, a);
    std::memcpy(p, lanes, sizeof(float) * static_cast<size_t>(n));
  }
  static F Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F Add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static F Sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  static F Mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static F Div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
  static F Fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  static F Max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static F Min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static F Abs(F a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
  }
  static F SelectNegative(F a, F b, F c) {
    const __m256 zero = _mm256_setzero_ps();
    return {_mm256_blendv_ps(c.lo, b.lo, _mm256_cmp_ps(a.lo, zero, _CMP_LT_OQ)),
            _mm256_blendv_ps(c.hi, b.hi, _mm256_cmp_ps(a.hi, zero, _CMP_LT_OQ))};
  }
  static float Sum(F a) {
    const __m256 half = _mm256_add_ps(a.lo, a.hi);
    const __m128 quarter =
        _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
  }
  static float MaxOf(F a) {
    const __m256 half = _mm256_max_ps(a.lo, a.hi);
    const __m128 quarter =
        _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
  }

  static __m128i Load128(const void* p) {
    return _mm_loadu_si128(static_cast<const __m128i*>(p));
  }
  static F FromHalf(const uint16_t* p) {
    return {_mm256_cvtph_ps(Load128(p)), _mm256_cvtph_ps(Load128(p + 8))};
  }
  static F FromBf16(const uint16_t* p) {
    const auto widen = [](__m128i half) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
    };
    return {widen(Load128(p)), widen(Load128(p + 8))};
  }
  static F FromF8(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepu8_epi16(Load128(p));
    const __m256i half =
        _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8),
                        _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x7F)), 7));
    const __m256 scale = _mm256_set1_ps(256.0f);
    return {_mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(half)), scale),
            _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(half, 1)), scale)};
  }
  static void ToHalf(uint16_t* p, F a) {
    constexpr int kRounding = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.lo, kRounding));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(a.hi, kRounding));
  }
  static F FromI8(const uint8_t* p) {
    const __m128i bytes = Load128(p);
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  static F FromU8(const uint8_t* p) {
    const __m128i bytes = Load128(p);
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
  }

  static I ISet(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static F ToFloat(I a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
  static I Round(F a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
  static int32_t ISum(I a) {
    const __m256i half = _mm256_add_epi32(a.lo, a.hi);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    return _mm_cvtsi128_si32(sum);
  }
  static F Pow2(I a) {
    const __m256i bias = _mm256_set1_epi32(127);
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(a.lo, bias), 23)),
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(a.hi, bias), 23))};
  }
  static void StoreI8(int8_t* p, I a) {
    // packs works inside 128-bit lanes; the permutation restores the order.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(_mm256_castsi256_si128(words),
                                     _mm256_extracti128_si256(words, 1)));
  }

  static __m256i FourBytesHalf(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i low = _mm256_or_si256(a, _mm256_slli_epi32(b, 8));
    const __m256i high = _mm256_or_si256(c, _mm256_slli_epi32(d, 8));
    return _mm256_or_si256(low, _mm256_slli_epi32(high, 16));
  }
  static U8 FourBytes(I a, I b, I c, I d) {
    return {FourBytesHalf(a.lo, b.lo, c.lo, d.lo), FourBytesHalf(a.hi, b.hi, c.hi, d.hi)};
  }
  static U8 LoadU8(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  static void StoreU8(uint8_t* p, U8 a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.hi);
  }
  template <int kStep>
  static __m256i NibbleHalf(__m256i a) {
    const __m256i mask = _mm256_set1_epi8(15);
    if constexpr (kStep < 4) return _mm256_and_si256(a, mask);
    return _mm256_and_si256(_mm256_srli_epi16(a, 4), mask);
  }
  template <int kOffset>
  static U8 PanelStep(U8 a) {
    return a;
  }
  template <int kStep>
  static U8 Nibble(U8 a) {
    return {NibbleHalf<kStep>(a.lo), NibbleHalf<kStep>(a.hi)};
  }
  template <int kLeft>
  static __m256i MergeHalf(__m256i low, __m256i high, char mask) {
    __m256i shifted = high;
    if constexpr (kLeft > 0) shifted = _mm256_slli_epi16(high, kLeft);
    if constexpr (kLeft < 0) shifted = _mm256_srli_epi16(high, -kLeft);
    return _mm256_or_si256(low, _mm256_and_si256(shifted, _mm256_set1_epi8(mask)));
  }
  template <int kStep>
  static U8 AddBit(U8 low, U8 high) {
    return {MergeHalf<4 - kStep>(low.lo, high.lo, 0x10),
            MergeHalf<4 - kStep>(low.hi, high.hi, 0x10)};
  }
  template <int kStep>
  static U8 AddTwoBits(U8 low, U8 high) {
    constexpr int kLeft = 4 - 2 * (kStep % 4);
    return {MergeHalf<kLeft>(low.lo, high.lo, 0x30), MergeHalf<kLeft>(low.hi, high.hi, 0x30)};
  }
  // vpmaddubsw saturates at 16 bits: safe for weights of at most 7 bits (2 * 127 * 127). Whole
  // bytes go through 16-bit products of the even and the odd bytes.
  template <bool kWide>
  static __m256i DotHalf(__m256i acc, __m256i w, __m256i x) {
    if constexpr (!kWide) {
      return _mm256_add_epi32(
          acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
    }
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(0xFF)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    const __m256i odd =
        _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
    return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
  }
  static X4 Four(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
  }
  template <bool kWide>
  static I Dot(I acc, U8 w, X4 x) {
    return {DotHalf<kWide>(acc.lo, w.lo, x), DotHalf<kWide>(acc.hi, w.hi, x)};
  }
  static void Transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
    for (int r = 0; r < 16; r += 8) {
      for (int c = 0; c < 16; c += 8) {
        Transpose8(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
      }
    }
  }
  static void Transpose8(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
    __m256 a[8], b[8];
    HADAL_UNROLL
    for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(in + i * in_stride);
    HADAL_UNROLL
    for (int i = 0; i < 8; i += 2) {
      b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    HADAL_UNROLL
    for (int i = 0; i < 8; i += 4) {
      a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
      a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xEE);
      a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
      a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xEE);
    }
    HADAL_UNROLL
    for (int c = 0; c < 4; ++c) {
      _mm256_storeu_ps(out + c * out_stride, _mm256_permute2f128_ps(a[c], a[4 + c], 0x20));
      _mm256_storeu_ps(out + (c + 4) * out_stride, _mm256_permute2f128_ps(a[c], a[4 + c], 0x31));
    }
  }
  static void Prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
};

}  // namespace hadal::inference
