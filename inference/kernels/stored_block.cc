#include "inference/kernels/stored_block.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {
namespace {

uint16_t ReadHalf(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return bits;
}

void ReadNibbles(const uint8_t* __restrict qs, uint8_t* __restrict q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = qs[i] & 15;
    q[i + 16] = qs[i] >> 4;
  }
}

// Bit i of the index as bit 4 of byte i: a loop over single bits would be most of loading a model.
constexpr std::array<std::array<uint8_t, 8>, 256> kFifthBits = [] {
  std::array<std::array<uint8_t, 8>, 256> table = {};
  for (size_t byte = 0; byte < 256; ++byte) {
    for (size_t i = 0; i < 8; ++i) table[byte][i] = static_cast<uint8_t>((byte >> i & 1) << 4);
  }
  return table;
}();

void AddHighBits(const uint8_t* __restrict bits, uint8_t* __restrict q) {
  for (int byte = 0; byte < 4; ++byte) {
    const std::array<uint8_t, 8>& fifth = kFifthBits[bits[byte]];
    for (size_t i = 0; i < 8; ++i) q[i] |= fifth[i];
    q += 8;
  }
}

// Twelve bytes hold eight 6-bit scales and eight 6-bit minima.
void ReadSixBitScales(const uint8_t* scales, int j, StoredBlock* out) {
  uint8_t scale;
  if (j < 4) {
    scale = scales[j] & 63;
    out->sub_min = scales[j + 4] & 63;
  } else {
    scale = static_cast<uint8_t>((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
    out->sub_min = static_cast<uint8_t>((scales[j + 4] >> 4) | (scales[j] >> 6) << 4);
  }
  out->sub_scale[0] = out->sub_scale[1] = static_cast<int8_t>(scale);
}

void ReadKNibbles(const uint8_t* __restrict qs, int j, uint8_t* __restrict q) {
  const uint8_t* from = qs + 32 * (j / 2);
  const int shift = 4 * (j % 2);
  for (int i = 0; i < 32; ++i) q[i] = (from[i] >> shift) & 15;
}

// j: block inside the super-block.
void ReadQ4K(const uint8_t* super, int j, StoredBlock* out) {
  ReadSixBitScales(super + 4, j, out);
  ReadKNibbles(super + 16, j, out->q);
}

void ReadQ5K(const uint8_t* __restrict super, int j, StoredBlock* __restrict out) {
  ReadSixBitScales(super + 4, j, out);
  ReadKNibbles(super + 48, j, out->q);
  for (int i = 0; i < 32; ++i) {
    out->q[i] |= static_cast<uint8_t>(((super[16 + i] >> j) & 1) << 4);
  }
}

void ReadQ6K(const uint8_t* __restrict super, int j, StoredBlock* __restrict out) {
  const int half = j / 4;
  const int part = j % 4;
  const uint8_t* low = super + 64 * half + 32 * (part % 2);
  const uint8_t* high = super + 128 + 32 * half;
  const int low_shift = part < 2 ? 0 : 4;
  for (int i = 0; i < 32; ++i) {
    const int nibble = (low[i] >> low_shift) & 15;
    out->q[i] = static_cast<uint8_t>(nibble | ((high[i] >> (2 * part)) & 3) << 4);
  }
  std::memcpy(out->sub_scale, super + 192 + 8 * half + 2 * part, 2);
}

// Signed to offset 128.
void ReadQ8(const uint8_t* __restrict values, uint8_t* __restrict q) {
  for (int i = 0; i < 32; ++i) q[i] = values[i] ^ 0x80;
}

// A template, so that sizes are constants: this runs for every 32 weights that are loaded.
template <ElementType kType>
void Read(const uint8_t* row, int64_t b, StoredBlock* out) {
  constexpr ElementTraits kTraits = TraitsOf(kType);
  constexpr int64_t kPerStored = kTraits.block_values / 32;
  const uint8_t* block = row + b / kPerStored * kTraits.block_bytes;
  const int j = static_cast<int>(b % kPerStored);
  constexpr bool kHasMin = kType == ElementType::kQ4_1 || kType == ElementType::kQ5_1 ||
                           kType == ElementType::kQ4_K || kType == ElementType::kQ5_K;
  out->d = ReadHalf(block + (kType == ElementType::kQ6_K ? 208 : 0));
  out->m = kHasMin ? ReadHalf(block + 2) : uint16_t{0};
  out->sub_scale[0] = out->sub_scale[1] = 1;
  out->sub_min = 0;
  if constexpr (kType == ElementType::kQ4_0) ReadNibbles(block + 2, out->q);
  if constexpr (kType == ElementType::kQ4_1) ReadNibbles(block + 4, out->q);
  if constexpr (kType == ElementType::kQ5_0) {
    ReadNibbles(block + 6, out->q);
    AddHighBits(block + 2, out->q);
  }
  if constexpr (kType == ElementType::kQ5_1) {
    ReadNibbles(block + 8, out->q);
    AddHighBits(block + 4, out->q);
  }
  if constexpr (kType == ElementType::kQ8_0) ReadQ8(block + 2, out->q);
  if constexpr (kType == ElementType::kQ4_K) ReadQ4K(block, j, out);
  if constexpr (kType == ElementType::kQ5_K) ReadQ5K(block, j, out);
  if constexpr (kType == ElementType::kQ6_K) ReadQ6K(block, j, out);
}

}  // namespace

float HalfToFloat(uint16_t bits) { return VecScalar::HalfToFloat(bits); }

void ReadStoredBlock(ElementType type, const uint8_t* row, int64_t b, StoredBlock* out) {
  switch (type) {
    case ElementType::kQ4_0: return Read<ElementType::kQ4_0>(row, b, out);
    case ElementType::kQ4_1: return Read<ElementType::kQ4_1>(row, b, out);
    case ElementType::kQ5_0: return Read<ElementType::kQ5_0>(row, b, out);
    case ElementType::kQ5_1: return Read<ElementType::kQ5_1>(row, b, out);
    case ElementType::kQ8_0: return Read<ElementType::kQ8_0>(row, b, out);
    case ElementType::kQ4_K: return Read<ElementType::kQ4_K>(row, b, out);
    case ElementType::kQ5_K: return Read<ElementType::kQ5_K>(row, b, out);
    case ElementType::kQ6_K: return Read<ElementType::kQ6_K>(row, b, out);
    default: CHECK(false && "a float type has no blocks");
  }
}

}  // namespace hadal::inference
