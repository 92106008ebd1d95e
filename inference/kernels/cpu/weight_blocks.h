#pragma once

#include <cstdint>

#include "inference/kernels/cpu/packed_layout.h"
#include "inference/kernels/cpu/unroll.h"

// Readers of one group of packed weights, block by block. All have: kScales, kOffset, kHasMin,
// kWide, Block(b) with Step<i>() (64 unsigned bytes), Scale(s) and Min().

namespace hadal::inference {

/// Reads the stored layout and unpacks in registers.
template <typename V, ElementType kType>
struct PackedBlocks {
  using F = typename V::F;
  using U8 = typename V::U8;
  static constexpr PackedLayout kLayout = PackedLayoutOf(kType);
  static constexpr int kScales = kLayout.scales;
  static constexpr int kOffset = kLayout.offset;
  static constexpr bool kHasMin = kLayout.has_min;
  static constexpr bool kWide = kLayout.bits == 8;

  /// Weights stream from memory once: the next ones are asked for so many bytes ahead, beyond the
  /// end of a group, since groups lie one after another.
  static constexpr int kPrefetchBytes = 4096;

  const uint8_t* supers;
  const uint8_t* scales;
  const uint8_t* quants;

  PackedBlocks(const uint8_t* group, int64_t cols)
      : supers(group),
        scales(group + ScaleSectionOffset(kLayout, cols)),
        quants(group + QuantSectionOffset(kLayout, cols)) {}

  static const uint16_t* Halves(const uint8_t* p) { return reinterpret_cast<const uint16_t*>(p); }

  struct Block {
    const uint8_t* super;
    const uint8_t* scale;
    const uint8_t* quant;
    U8 high[2];

    template <int kStep>
    U8 Step() const {
      if constexpr (kLayout.bits == 8) return V::LoadU8(quant + 64 * kStep);
      const U8 low = V::template Nibble<kStep>(V::LoadU8(quant + 64 * (kStep % 4)));
      if constexpr (kLayout.bits == 5) return V::template AddBit<kStep>(low, high[0]);
      if constexpr (kLayout.bits == 6) return V::template AddTwoBits<kStep>(low, high[kStep / 4]);
      return low;
    }
    F Scale(int s) const {
      if constexpr (!kLayout.has_super) return V::FromHalf(Halves(scale));
      const F d = V::FromHalf(Halves(super));
      if constexpr (kLayout.scales == 2) return V::Mul(d, V::FromI8(scale + 16 * s));
      return V::Mul(d, V::FromU8(scale));
    }
    F Min() const {
      if constexpr (!kLayout.has_super) return V::FromHalf(Halves(scale) + 16);
      return V::Mul(V::Sub(V::Zero(), V::FromHalf(Halves(super) + 16)), V::FromU8(scale + 16));
    }
  };

  Block At(int64_t b) const {
    Block block;
    const uint8_t* ahead = quants + b * kLayout.quant_bytes + kPrefetchBytes;
    HADAL_UNROLL
    for (int i = 0; i < kLayout.quant_bytes; i += 64) V::Prefetch(ahead + i);
    block.super = supers + b / kSuperBlocks * kLayout.super_bytes;
    block.scale = scales + b * kLayout.scale_bytes;
    block.quant = quants + b * kLayout.quant_bytes;
    if constexpr (kLayout.bits == 5 || kLayout.bits == 6) {
      block.high[0] = V::LoadU8(block.quant + 256);
    }
    if constexpr (kLayout.bits == 6) block.high[1] = V::LoadU8(block.quant + 320);
    return block;
  }
};

/// Reads a panel: per block 8 steps of bytes, then float scales, then minima. Made by UnpackPanel,
/// which keeps the values bit for bit.
template <typename V, ElementType kType>
struct PanelBlocks {
  using F = typename V::F;
  using U8 = typename V::U8;
  static constexpr PackedLayout kLayout = PackedLayoutOf(kType);
  static constexpr int kScales = kLayout.scales;
  static constexpr int kOffset = kLayout.offset;
  static constexpr bool kHasMin = kLayout.has_min;
  static constexpr bool kWide = kLayout.bits == 8;
  static constexpr int kBlockBytes = 512 + 64 * (kScales + (kHasMin ? 1 : 0));

  const uint8_t* panel;

  struct Block {
    const uint8_t* block;
    template <int kStep>
    U8 Step() const {
      return V::LoadU8(block + 64 * kStep);
    }
    F Scale(int s) const { return V::Load(reinterpret_cast<const float*>(block + 512) + 16 * s); }
    F Min() const { return V::Load(reinterpret_cast<const float*>(block + 512) + 16 * kScales); }
  };

  Block At(int64_t b) const { return {panel + b * kBlockBytes}; }
};

/// Blocks [first, first + count) of a group of `cols` columns.
template <typename V, ElementType kType>
void UnpackPanel(const uint8_t* group, int64_t cols, int64_t first, int64_t count,
                 uint8_t* panel) {
  using Packed = PackedBlocks<V, kType>;
  const Packed weights(group, cols);
  for (int64_t b = 0; b < count; ++b, panel += PanelBlocks<V, kType>::kBlockBytes) {
    const auto block = weights.At(first + b);
    const auto store = [&](int step, typename V::U8 values) {
      V::StoreU8(panel + 64 * step, V::template PanelStep<Packed::kOffset>(values));
    };
    store(0, block.template Step<0>());
    store(1, block.template Step<1>());
    store(2, block.template Step<2>());
    store(3, block.template Step<3>());
    store(4, block.template Step<4>());
    store(5, block.template Step<5>());
    store(6, block.template Step<6>());
    store(7, block.template Step<7>());
    auto* floats = reinterpret_cast<float*>(panel + 512);
    for (int s = 0; s < Packed::kScales; ++s) V::Store(floats + 16 * s, block.Scale(s));
    if constexpr (Packed::kHasMin) V::Store(floats + 16 * Packed::kScales, block.Min());
  }
}

}  // namespace hadal::inference
