#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "inference/kernels/cpu/unroll.h"

namespace hadal::inference {

/// vec_scalar.h on AVX-512 F, BW, DQ, VL and VNNI.
struct VecAvx512 {
  using F = __m512;
  using I = __m512i;
  using U8 = __m512i;
  using X4 = __m512i;
  static constexpr int kStreamRows = 8;
  static constexpr int kTileRows = 7;
  static constexpr int kTileGroups = 2;
  static constexpr bool kMatrixTiles = false;
  static constexpr int kBundleRows = kTileRows;
  static constexpr int kBundleStep = 2;
  static constexpr int kBundleGroups = kTileGroups;
  static void UseRows(int64_t) {}
  static constexpr int kGemmRows = 6;
  static constexpr int kGemmVecs = 4;

  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static void Store(float* p, F a) { _mm512_storeu_ps(p, a); }
  static __mmask16 FirstLanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }
  static F LoadPartial(const float* p, int n) { return _mm512_maskz_loadu_ps(FirstLanes(n), p); }
  static void StorePartial(float* p, F a, int n) { _mm512_mask_storeu_ps(p, FirstLanes(n), a); }
  static F Set(float x) { return _mm512_set1_ps(x); }
  static F Zero() { return _mm512_setzero_ps(); }
  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm512_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }
  static F Min(F a, F b) { return _mm512_min_ps(a, b); }
  static F Abs(F a) { return _mm512_abs_ps(a); }
  static F SelectNegative(F a, F b, F c) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ), c, b);
  }
  static float Sum(F a) {
    const __m256 half =
        _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 quarter =
        _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
  }
  static float MaxOf(F a) { return _mm512_reduce_max_ps(a); }

  static F FromHalf(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F FromBf16(const uint16_t* p) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static F FromF8(const uint8_t* p) {
    const __m256i wide =
        _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i half =
        _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8),
                        _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x7F)), 7));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f));
  }
  static void ToHalf(uint16_t* p, F a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static F FromI8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static F FromU8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }

  static I ISet(int32_t x) { return _mm512_set1_epi32(x); }
  static F ToFloat(I a) { return _mm512_cvtepi32_ps(a); }
  static I Round(F a) {
    return _mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static int32_t ISum(I a) { return _mm512_reduce_add_epi32(a); }
  static F Pow2(I a) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(a, _mm512_set1_epi32(127)), 23));
  }
  static void StoreI8(int8_t* p, I a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a));
  }

  static U8 FourBytes(I a, I b, I c, I d) {
    const __m512i low = _mm512_or_si512(a, _mm512_slli_epi32(b, 8));
    const __m512i high = _mm512_or_si512(c, _mm512_slli_epi32(d, 8));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
  static U8 LoadU8(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static void StoreU8(uint8_t* p, U8 a) { _mm512_storeu_si512(p, a); }
  template <int kOffset>
  static U8 PanelStep(U8 a) {
    return a;
  }
  template <int kStep>
  static U8 Nibble(U8 a) {
    const __m512i mask = _mm512_set1_epi8(15);
    if constexpr (kStep < 4) return _mm512_and_si512(a, mask);
    return _mm512_and_si512(_mm512_srli_epi16(a, 4), mask);
  }
  // (high shifted & mask) | low in one ternary operation (0xEA = (a & b) | c).
  template <int kLeft>
  static U8 Merge(U8 low, U8 high, char mask) {
    __m512i shifted = high;
    if constexpr (kLeft > 0) shifted = _mm512_slli_epi16(high, kLeft);
    if constexpr (kLeft < 0) shifted = _mm512_srli_epi16(high, -kLeft);
    return _mm512_ternarylogic_epi32(shifted, _mm512_set1_epi8(mask), low, 0xEA);
  }
  template <int kStep>
  static U8 AddBit(U8 low, U8 high) {
    return Merge<4 - kStep>(low, high, 0x10);
  }
  template <int kStep>
  static U8 AddTwoBits(U8 low, U8 high) {
    return Merge<4 - 2 * (kStep % 4)>(low, high, 0x30);
  }
  static X4 Four(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
  }
  template <bool kWide>
  static I Dot(I acc, U8 w, X4 x) {
    return _mm512_dpbusd_epi32(acc, w, x);
  }
  static void Transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
    __m512 a[16], b[16];
    HADAL_UNROLL
    for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(in + i * in_stride);
    HADAL_UNROLL
    for (int i = 0; i < 16; i += 2) {
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    HADAL_UNROLL
    for (int i = 0; i < 16; i += 4) {
      const auto pd = [&](int j) { return _mm512_castps_pd(b[i + j]); };
      a[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(0), pd(2)));
      a[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(0), pd(2)));
      a[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(1), pd(3)));
      a[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(1), pd(3)));
    }
    // a[4 i + c] has columns c, c + 4, c + 8, c + 12 of rows 4 i .. 4 i + 3, one per 128 bits.
    HADAL_UNROLL
    for (int c = 0; c < 4; ++c) {
      const __m512 low01 = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88);
      const __m512 low23 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88);
      const __m512 high01 = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xDD);
      const __m512 high23 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xDD);
      _mm512_storeu_ps(out + c * out_stride, _mm512_shuffle_f32x4(low01, low23, 0x88));
      _mm512_storeu_ps(out + (c + 8) * out_stride, _mm512_shuffle_f32x4(low01, low23, 0xDD));
      _mm512_storeu_ps(out + (c + 4) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0x88));
      _mm512_storeu_ps(out + (c + 12) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0xDD));
    }
  }
  static void Prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
};

}  // namespace hadal::inference
