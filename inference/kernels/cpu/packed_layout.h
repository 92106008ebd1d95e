#pragma once

#include <cstdint>

#include "inference/tensor/element_type.h"

// The packed layouts. A group is 16 rows; a block is 32 columns of it, as 8 steps of 16 rows x 4
// columns (64 bytes when unpacked). A group is three sections, each padded to 64 bytes:
//   supers  per 256 columns: d[16] f16, for kHasMin also dmin[16] f16        (only _K formats)
//   scales  per block: f16 d[16] (and f16 m[16]), or for _K formats 16 (or 32) small integers
//   quants  per block: low 4 bits (4 x 64 bytes: byte j of chunk c has step c low, step c + 4 high)
//           then the high bits: 1 bit: 64 bytes, bit i belongs to step i;
//                               2 bits: 2 x 64 bytes, bits 2j of chunk c belong to step 4c + j;
//           or 8 x 64 bytes of whole bytes
// Float formats have one section: for each column the 16 values of the group. E4M3 has a second
// one: a float32 scale per 128 columns (16 rows never cross a block of 128).

namespace hadal::inference {

inline constexpr int32_t kGroupRows = 16;
inline constexpr int32_t kBlockCols = 32;
inline constexpr int32_t kSuperBlocks = 8;  ///< blocks in a super-block

struct PackedLayout {
  int32_t bits;        ///< of an unpacked number: 4, 5, 6 or 8
  int32_t offset;      ///< number = unsigned - offset
  int32_t scales;      ///< scales per row and block: 1, or 2 (one per 16 columns)
  bool has_min;        ///< value = scale * unsigned + min
  bool has_super;      ///< scales are small integers times a float of the super-block
  int32_t super_bytes;
  int32_t scale_bytes;
  int32_t quant_bytes;
};

constexpr PackedLayout PackedLayoutOf(ElementType type) {
  switch (type) {
    case ElementType::kQ8_0: return {8, 128, 1, false, false, 0, 32, 512};
    case ElementType::kQ4_0: return {4, 8, 1, false, false, 0, 32, 256};
    case ElementType::kQ4_1: return {4, 0, 1, true, false, 0, 64, 256};
    case ElementType::kQ5_0: return {5, 16, 1, false, false, 0, 32, 320};
    case ElementType::kQ5_1: return {5, 0, 1, true, false, 0, 64, 320};
    case ElementType::kQ4_K: return {4, 0, 1, true, true, 64, 32, 256};
    case ElementType::kQ5_K: return {5, 0, 1, true, true, 64, 32, 320};
    case ElementType::kQ6_K: return {6, 32, 2, false, true, 32, 32, 384};
    default: return {};
  }
}

constexpr int64_t RoundUp64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

constexpr int64_t Fp8ScaleOffset(int64_t cols) { return RoundUp64(cols * kGroupRows); }

constexpr int64_t ScaleSectionOffset(PackedLayout layout, int64_t cols) {
  return layout.has_super
             ? RoundUp64(cols / (kBlockCols * kSuperBlocks) * layout.super_bytes) : 0;
}

constexpr int64_t QuantSectionOffset(PackedLayout layout, int64_t cols) {
  return ScaleSectionOffset(layout, cols) + RoundUp64(cols / kBlockCols * layout.scale_bytes);
}

}  // namespace hadal::inference
