#pragma once

#include <cstdint>

namespace hadal::inference {

/// How the numbers of a tensor are stored: plain floats, or the block formats of GGUF files (blocks
/// of 32 values; the _K formats have super-blocks of 256).
enum class ElementType : uint8_t {
  kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K,
};
inline constexpr int32_t kNumElementTypes = 11;

/// Values and bytes of one block as stored in a file (1 value for plain floats), and the name.
struct ElementTraits {
  int32_t block_values;
  int32_t block_bytes;
  const char* name;
};

constexpr ElementTraits TraitsOf(ElementType type) {
  constexpr ElementTraits kTraits[kNumElementTypes] = {
      {1, 4, "F32"},     {1, 2, "F16"},     {1, 2, "BF16"},    {32, 34, "Q8_0"},
      {32, 18, "Q4_0"},  {32, 20, "Q4_1"},  {32, 22, "Q5_0"},  {32, 24, "Q5_1"},
      {256, 144, "Q4_K"}, {256, 176, "Q5_K"}, {256, 210, "Q6_K"},
  };
  return kTraits[static_cast<int>(type)];
}

constexpr bool IsFloat(ElementType type) { return type <= ElementType::kBF16; }

}  // namespace hadal::inference
