#pragma once

#include <cstdint>

#include "inference/kernels/cpu/kernel_table.h"

// Rows of the KV cache for one instruction set V: numbers of any type become float32, and back.

namespace hadal::inference {

template <typename V>
struct KvRowKernels {
  using F = typename V::F;

  /// Numbers [d, d + n) of a head whose row begins at `row`, then zeros.
  template <KvDtype kDtype>
  static inline __attribute__((always_inline)) F Load(const KvHead& head, const uint8_t* row,
                                                      int64_t d, int64_t n) {
    if constexpr (kDtype == KvDtype::kI8) {
      const uint8_t* scales = row + head.scale_offset;
      if (n == 16 && (d + 16 <= head.first_part || d >= head.first_part)) {
        return V::Mul(V::FromI8(row + d), V::Set(Scale(scales, d >= head.first_part)));
      }
      uint8_t rest[16] = {};
      float scale[16];
      for (int64_t i = 0; i < 16; ++i) {
        if (i < n) rest[i] = row[d + i];
        scale[i] = Scale(scales, i < n && d + i >= head.first_part);
      }
      return V::Mul(V::FromI8(rest), V::Load(scale));
    } else if constexpr (kDtype == KvDtype::kF32) {
      const float* p = reinterpret_cast<const float*>(row) + d;
      return n == 16 ? V::Load(p) : V::LoadPartial(p, static_cast<int>(n));
    } else {
      const uint16_t* p = reinterpret_cast<const uint16_t*>(row) + d;
      if (n == 16) return Widen<kDtype>(p);
      uint16_t rest[16] = {};
      for (int64_t i = 0; i < n; ++i) rest[i] = p[i];
      return Widen<kDtype>(rest);
    }
  }

  /// Numbers [0, count) of the head that begins at `row`.
  static void LoadRow(const KvHead& head, KvDtype dtype, const uint8_t* row, int64_t count,
                      float* out) {
    switch (dtype) {
      case KvDtype::kF32:
        return LoadRowOf<KvDtype::kF32>(head, row, count, out);
      case KvDtype::kF16:
        return LoadRowOf<KvDtype::kF16>(head, row, count, out);
      case KvDtype::kBF16:
        return LoadRowOf<KvDtype::kBF16>(head, row, count, out);
      case KvDtype::kI8:
        return LoadRowOf<KvDtype::kI8>(head, row, count, out);
    }
  }

  /// x as a row of the cache: `row` says which, its parts have scales of their own.
  static void Store(const KvRow& row, const float* x, void* to) {
    switch (row.dtype) {
      case KvDtype::kF32:
        __builtin_memcpy(to, x, sizeof(float) * static_cast<uint64_t>(row.values));
        return;
      case KvDtype::kF16:
      case KvDtype::kBF16:
        return StoreHalves(row, x, static_cast<uint16_t*>(to));
      case KvDtype::kI8:
        return StoreInt8(row, x, static_cast<int8_t*>(to));
    }
  }

 private:
  template <KvDtype kDtype>
  static void LoadRowOf(const KvHead& head, const uint8_t* row, int64_t count, float* out) {
    for (int64_t d = 0; d < count; d += 16) {
      const int64_t n = count - d < 16 ? count - d : 16;
      const F x = Load<kDtype>(head, row, d, n);
      if (n == 16) {
        V::Store(out + d, x);
      } else {
        V::StorePartial(out + d, x, static_cast<int>(n));
      }
    }
  }

  template <KvDtype kDtype>
  static F Widen(const uint16_t* p) {
    if constexpr (kDtype == KvDtype::kF16) return V::FromHalf(p);
    return V::FromBf16(p);
  }
  static float Scale(const uint8_t* scales, bool second) {
    float scale;
    __builtin_memcpy(&scale, scales + (second ? sizeof(float) : 0), sizeof(float));
    return scale;
  }
  static F LoadFloats(const float* x, int64_t n) {
    return n >= 16 ? V::Load(x) : V::LoadPartial(x, static_cast<int>(n));
  }

  static void StoreHalves(const KvRow& row, const float* x, uint16_t* to) {
    for (int64_t i = 0; i < row.values; i += 16) {
      const int64_t n = row.values - i;
      uint16_t halves[16];
      uint16_t* out = n >= 16 ? to + i : halves;
      if (row.dtype == KvDtype::kF16) {
        V::ToHalf(out, LoadFloats(x + i, n));
      } else {
        ToBf16(x + i, n, out);
      }
      for (int64_t j = 0; n < 16 && j < n; ++j) to[i + j] = halves[j];
    }
  }

  /// Nearest, ties to even; NaN stays NaN.
  static void ToBf16(const float* x, int64_t n, uint16_t* out) {
    float full[16];
    V::Store(full, LoadFloats(x, n));
    uint32_t bits[16];
    __builtin_memcpy(bits, full, sizeof(bits));
    for (int i = 0; i < 16; ++i) {
      const uint32_t rounded = (bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16;
      const uint32_t quiet = (bits[i] >> 16) | 0x40;
      out[i] = static_cast<uint16_t>((bits[i] & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
    }
  }

  static void StoreInt8(const KvRow& row, const float* x, int8_t* to) {
    int8_t* scales = to + row.values;
    int64_t end = row.first_part < row.values ? row.first_part : row.values;
    for (int64_t begin = 0; begin < row.values; scales += sizeof(float)) {
      const float scale = StorePart(x + begin, end - begin, to + begin);
      __builtin_memcpy(scales, &scale, sizeof(float));
      begin = end;
      end = end + row.part < row.values ? end + row.part : row.values;
    }
  }

  /// Returns the scale: the largest number becomes 127. Of a part with an infinity or a NaN it is
  /// NaN, so that the fault stays visible.
  static float StorePart(const float* x, int64_t count, int8_t* to) {
    F largest = V::Zero();
    F fault = V::Zero();
    for (int64_t i = 0; i < count; i += 16) {
      const F v = LoadFloats(x + i, count - i);
      largest = V::Max(V::Abs(v), largest);
      fault = V::Fma(v, V::Zero(), fault);
    }
    const float most = V::MaxOf(largest);
    const float bad = V::Sum(fault);
    if (bad != bad) {
      for (int64_t i = 0; i < count; ++i) to[i] = 1;
      return bad;
    }
    // Below it 127 / most is infinite; such a part reads as zeros.
    const F inverse = V::Set(most > 1e-36f ? 127.0f / most : 0.0f);
    for (int64_t i = 0; i < count; i += 16) {
      const auto q = V::Round(V::Mul(LoadFloats(x + i, count - i), inverse));
      if (count - i >= 16) {
        V::StoreI8(to + i, q);
        continue;
      }
      int8_t rest[16];
      V::StoreI8(rest, q);
      for (int64_t j = 0; i + j < count; ++j) to[i + j] = rest[j];
    }
    return most / 127.0f;
  }
};

}  // namespace hadal::inference
