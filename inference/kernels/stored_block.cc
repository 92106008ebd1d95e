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

void ReadKNibbles(const uint8_t* qs, int j, uint8_t* q) {
  const uint8_t* from = qs + 32 * (j / 2);
  for (int i = 0; i < 32; ++i) q[i] = j % 2 == 0 ? from[i] & 15 : from[i] >> 4;
}

// j: block inside the super-block.
void ReadQ4K(const uint8_t* super, int j, StoredBlock* out) {
  out->d = ReadHalf(super);
  out->m = ReadHalf(super + 2);
  ReadSixBitScales(super + 4, j, out);
  ReadKNibbles(super + 16, j, out->q);
}

void ReadQ5K(const uint8_t* super, int j, StoredBlock* out) {
  out->d = ReadHalf(super);
  out->m = ReadHalf(super + 2);
  ReadSixBitScales(super + 4, j, out);
  ReadKNibbles(super + 48, j, out->q);
  for (int i = 0; i < 32; ++i) {
    out->q[i] |= static_cast<uint8_t>(((super[16 + i] >> j) & 1) << 4);
  }
}

void ReadQ6K(const uint8_t* super, int j, StoredBlock* out) {
  const int half = j / 4;
  const int part = j % 4;
  const uint8_t* low = super + 64 * half + 32 * (part % 2);
  const uint8_t* high = super + 128 + 32 * half;
  for (int i = 0; i < 32; ++i) {
    const int nibble = part < 2 ? low[i] & 15 : low[i] >> 4;
    out->q[i] = static_cast<uint8_t>(nibble | ((high[i] >> (2 * part)) & 3) << 4);
  }
  std::memcpy(out->sub_scale, super + 192 + 8 * half + 2 * part, 2);
  out->sub_min = 0;
  out->d = ReadHalf(super + 208);
  out->m = 0;
}

}  // namespace

float HalfToFloat(uint16_t bits) { return VecScalar::HalfToFloat(bits); }

void ReadStoredBlock(ElementType type, const uint8_t* row, int64_t b, StoredBlock* out) {
  const ElementTraits traits = TraitsOf(type);
  const int64_t per_stored = traits.block_values / 32;
  const uint8_t* block = row + b / per_stored * traits.block_bytes;
  const int j = static_cast<int>(b % per_stored);
  if (per_stored == 1) {
    out->d = ReadHalf(block);
    out->m = 0;
    out->sub_scale[0] = out->sub_scale[1] = 1;
    out->sub_min = 0;
  }
  switch (type) {
    case ElementType::kQ4_0: return ReadNibbles(block + 2, out->q);
    case ElementType::kQ4_1:
      out->m = ReadHalf(block + 2);
      return ReadNibbles(block + 4, out->q);
    case ElementType::kQ5_0:
      ReadNibbles(block + 6, out->q);
      return AddHighBits(block + 2, out->q);
    case ElementType::kQ5_1:
      out->m = ReadHalf(block + 2);
      ReadNibbles(block + 8, out->q);
      return AddHighBits(block + 4, out->q);
    case ElementType::kQ8_0:
      for (int i = 0; i < 32; ++i) out->q[i] = block[2 + i] ^ 0x80;  // signed to offset 128
      return;
    case ElementType::kQ4_K: return ReadQ4K(block, j, out);
    case ElementType::kQ5_K: return ReadQ5K(block, j, out);
    case ElementType::kQ6_K: return ReadQ6K(block, j, out);
    default: CHECK(false && "a float type has no blocks");
  }
}

}  // namespace hadal::inference
