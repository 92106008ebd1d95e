#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "inference/tensor/element_type.h"

namespace hadal::inference {

inline const std::vector<ElementType>& AllElementTypes() {
  static const std::vector<ElementType> types = {
      ElementType::kF32,  ElementType::kF16,  ElementType::kBF16, ElementType::kQ8_0,
      ElementType::kQ4_0, ElementType::kQ4_1, ElementType::kQ5_0, ElementType::kQ5_1,
      ElementType::kQ4_K, ElementType::kQ5_K, ElementType::kQ6_K};
  return types;
}

/// Offsets of the f16 scales inside a stored block; the other bytes may be anything.
inline std::vector<int> HalfOffsets(ElementType type) {
  switch (type) {
    case ElementType::kQ4_1:
    case ElementType::kQ5_1:
    case ElementType::kQ4_K:
    case ElementType::kQ5_K: return {0, 2};
    case ElementType::kQ6_K: return {208};
    default: return {0};
  }
}

/// `rows` x `cols` stored weights: random bits everywhere, scales that give values around `size`.
inline std::vector<uint8_t> RandomStored(ElementType type, int64_t rows, int64_t cols,
                                         uint64_t seed, float size = 0.05f) {
  std::mt19937_64 random(seed);
  const ElementTraits traits = TraitsOf(type);
  std::vector<uint8_t> data(static_cast<size_t>(rows * cols / traits.block_values) *
                            static_cast<size_t>(traits.block_bytes));
  if (type == ElementType::kF8E4M3) {  // any number but NaN; RandomScales makes them small
    for (uint8_t& byte : data) {
      do byte = static_cast<uint8_t>(random());
      while ((byte & 0x7F) == 0x7F);
    }
    return data;
  }
  if (IsFloat(type)) {
    std::normal_distribution<float> normal(0, size);
    for (size_t i = 0; i < data.size(); i += static_cast<size_t>(traits.block_bytes)) {
      const float value = normal(random);
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      if (type == ElementType::kF32) std::memcpy(&data[i], &bits, 4);
      const auto bf16 = static_cast<uint16_t>(bits >> 16);
      if (type == ElementType::kBF16) std::memcpy(&data[i], &bf16, 2);
      // Sign, exponents 2^-14 .. 2^-1 and any fraction: a normal half.
      const auto half = static_cast<uint16_t>(
          (random() & 0x83FF) | (1 + random() % 10) << 10);
      if (type == ElementType::kF16) std::memcpy(&data[i], &half, 2);
    }
    return data;
  }
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  // 2^-11 .. 2^-8 for formats with sub-scales up to 63 or 127 it is smaller.
  const bool super = traits.block_values == 256;
  for (size_t i = 0; i < data.size(); i += static_cast<size_t>(traits.block_bytes)) {
    for (const int offset : HalfOffsets(type)) {
      const uint16_t exponent = static_cast<uint16_t>((super ? 3 : 5) + random() % 3);
      const auto half = static_cast<uint16_t>(exponent << 10 | (random() & 0x3FF));
      std::memcpy(&data[i + static_cast<size_t>(offset)], &half, 2);
    }
  }
  return data;
}

/// Block scales of an E4M3 matrix, all different, for weights around `size`.
inline std::vector<float> RandomScales(int64_t rows, int64_t cols, uint64_t seed,
                                       float size = 0.05f) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0.5f, 1.5f);
  std::vector<float> scales(static_cast<size_t>(Fp8Blocks(rows) * Fp8Blocks(cols)));
  for (float& scale : scales) scale = size / 130 * uniform(random);
  return scales;
}

inline std::vector<float> RandomFloats(size_t count, uint64_t seed, float size = 1.0f) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, size);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace hadal::inference
