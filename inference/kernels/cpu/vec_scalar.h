#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "inference/kernels/cpu/vec_tiles.h"

namespace hadal::inference {

/// Sixteen lanes in plain C++: the reference that vec_avx2.h and vec_avx512.h must match bit for
/// bit, operation by operation. Meaning of the operations, shared by all three:
///   Fma(a, b, c) = a * b + c rounded once; Sum adds lane i + 8 to i, then i + 4, i + 2, i + 1;
///   Round is to nearest even; Four is 4 activations in every lane; Dot adds 4 products of unsigned
///   weights and signed activations per lane, kWide when weights exceed 7 bits; FourBytes puts four
///   integers of 0..127 into each lane's bytes; FromF8 takes E4M3 numbers that are no NaN.
struct VecScalar : SmallTiles {
  struct F { float v[16]; };
  struct I { int32_t v[16]; };
  struct U8 { uint8_t v[64]; };
  struct X4 { int8_t v[4]; };
  static void UseRows(int64_t) {}

  template <typename Op>
  static F Map(Op op) {
    F r;
    for (int i = 0; i < 16; ++i) r.v[i] = op(i);
    return r;
  }
  static F Load(const float* p) { return Map([&](int i) { return p[i]; }); }
  static void Store(float* p, F a) { std::memcpy(p, a.v, sizeof(a.v)); }
  static F LoadPartial(const float* p, int n) {
    return Map([&](int i) { return i < n ? p[i] : 0.0f; });
  }
  static void StorePartial(float* p, F a, int n) {
    for (int i = 0; i < n; ++i) p[i] = a.v[i];
  }
  static F Set(float x) { return Map([&](int) { return x; }); }
  static F Zero() { return Set(0.0f); }
  static F Add(F a, F b) { return Map([&](int i) { return a.v[i] + b.v[i]; }); }
  static F Sub(F a, F b) { return Map([&](int i) { return a.v[i] - b.v[i]; }); }
  static F Mul(F a, F b) { return Map([&](int i) { return a.v[i] * b.v[i]; }); }
  static F Div(F a, F b) { return Map([&](int i) { return a.v[i] / b.v[i]; }); }
  static F Fma(F a, F b, F c) {
    return Map([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  static F Max(F a, F b) { return Map([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
  static F Min(F a, F b) { return Map([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
  static F Abs(F a) { return Map([&](int i) { return std::fabs(a.v[i]); }); }
  /// b where a < 0, else c.
  static F SelectNegative(F a, F b, F c) {
    return Map([&](int i) { return a.v[i] < 0 ? b.v[i] : c.v[i]; });
  }
  static float Sum(F a) {
    for (int step = 8; step > 0; step /= 2) {
      for (int i = 0; i < step; ++i) a.v[i] += a.v[i + step];
    }
    return a.v[0];
  }
  static float MaxOf(F a) {
    float best = a.v[0];
    for (int i = 1; i < 16; ++i) best = a.v[i] > best ? a.v[i] : best;
    return best;
  }

  static float HalfToFloat(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
    const uint32_t exponent = (h >> 10) & 31;
    const uint32_t fraction = h & 0x3FF;
    uint32_t bits;
    if (exponent == 31) {
      // A signalling NaN becomes quiet, as the conversion instruction does.
      bits = sign | 0x7F800000 | fraction << 13 | (fraction != 0 ? 0x400000 : 0);
    } else if (exponent == 0) {
      const float value = static_cast<float>(fraction) * 0x1p-24f;
      std::memcpy(&bits, &value, 4);
      bits |= sign;
    } else {
      bits = sign | (exponent + 112) << 23 | fraction << 13;
    }
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
  }
  static uint16_t FloatToHalf(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
    const uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return sign | 0x7E00 | ((magnitude >> 13) & 0x1FF);
    if (magnitude >= 0x477FF000) return sign | 0x7C00;
    if (magnitude < 0x38800000) {  // subnormal: the float addition does the rounding
      float shifted;
      std::memcpy(&shifted, &magnitude, 4);
      shifted += 0.5f;
      uint32_t rounded;
      std::memcpy(&rounded, &shifted, 4);
      return sign | static_cast<uint16_t>(rounded - 0x3F000000);
    }
    const uint32_t odd = (magnitude >> 13) & 1;
    return sign | static_cast<uint16_t>((magnitude - 0x38000000 + 0xFFF + odd) >> 13);
  }
  static F FromHalf(const uint16_t* p) { return Map([&](int i) { return HalfToFloat(p[i]); }); }
  static F FromBf16(const uint16_t* p) {
    return Map([&](int i) {
      const uint32_t bits = static_cast<uint32_t>(p[i]) << 16;
      float out;
      std::memcpy(&out, &bits, 4);
      return out;
    });
  }
  /// The bits of an E4M3 number are those of the half 2^-8 times as large, shifted by 7.
  static F FromF8(const uint8_t* p) {
    return Map([&](int i) {
      const auto half = static_cast<uint16_t>((p[i] & 0x80) << 8 | (p[i] & 0x7F) << 7);
      return HalfToFloat(half) * 256.0f;
    });
  }
  static void ToHalf(uint16_t* p, F a) {
    for (int i = 0; i < 16; ++i) p[i] = FloatToHalf(a.v[i]);
  }
  static F FromI8(const uint8_t* p) {
    return Map([&](int i) { return static_cast<float>(static_cast<int8_t>(p[i])); });
  }
  static F FromU8(const uint8_t* p) {
    return Map([&](int i) { return static_cast<float>(p[i]); });
  }

  static I ISet(int32_t x) {
    I r;
    for (int i = 0; i < 16; ++i) r.v[i] = x;
    return r;
  }
  static F ToFloat(I a) { return Map([&](int i) { return static_cast<float>(a.v[i]); }); }
  static I Round(F a) {
    I r;
    for (int i = 0; i < 16; ++i) r.v[i] = static_cast<int32_t>(std::nearbyintf(a.v[i]));
    return r;
  }
  static int32_t ISum(I a) {
    int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += a.v[i];
    return sum;
  }
  /// 2^a for a in [-126, 127].
  static F Pow2(I a) {
    return Map([&](int i) {
      const uint32_t bits = static_cast<uint32_t>(a.v[i] + 127) << 23;
      float out;
      std::memcpy(&out, &bits, 4);
      return out;
    });
  }
  static void StoreI8(int8_t* p, I a) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(a.v[i]);
  }

  static U8 FourBytes(I a, I b, I c, I d) {
    U8 r;
    for (int i = 0; i < 16; ++i) {
      const I four[] = {a, b, c, d};
      for (int j = 0; j < 4; ++j) r.v[4 * i + j] = static_cast<uint8_t>(four[j].v[i]);
    }
    return r;
  }
  static U8 LoadU8(const uint8_t* p) {
    U8 r;
    std::memcpy(r.v, p, 64);
    return r;
  }
  static void StoreU8(uint8_t* p, U8 a) { std::memcpy(p, a.v, 64); }
  template <int kOffset>
  static U8 PanelStep(U8 a) {
    return a;
  }
  template <int kStep>
  static U8 Nibble(U8 a) {
    for (int i = 0; i < 64; ++i) a.v[i] = kStep < 4 ? a.v[i] & 15 : a.v[i] >> 4;
    return a;
  }
  template <int kStep>
  static U8 AddBit(U8 low, U8 high) {
    for (int i = 0; i < 64; ++i) low.v[i] |= static_cast<uint8_t>(((high.v[i] >> kStep) & 1) << 4);
    return low;
  }
  template <int kStep>
  static U8 AddTwoBits(U8 low, U8 high) {
    for (int i = 0; i < 64; ++i) {
      low.v[i] |= static_cast<uint8_t>(((high.v[i] >> (2 * (kStep % 4))) & 3) << 4);
    }
    return low;
  }
  static X4 Four(const int8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
  template <bool kWide>
  static I Dot(I acc, U8 w, X4 x) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) acc.v[i] += static_cast<int32_t>(w.v[4 * i + j]) * x.v[j];
    }
    return acc;
  }
  /// out[c * out_stride + r] = in[r * in_stride + c] for a 16 x 16 tile.
  static void Transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
    for (int r = 0; r < 16; ++r) {
      for (int c = 0; c < 16; ++c) out[c * out_stride + r] = in[r * in_stride + c];
    }
  }
  static void Prefetch(const void*) {}
};

}  // namespace hadal::inference
