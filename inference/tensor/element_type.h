#pragma once

#include <cstdint>

namespace hadal::inference {

/// How the numbers of a tensor are stored: plain floats, E4M3 bytes of a matrix with one float32
/// scale per block of kFp8Block x kFp8Block (DeepSeek-V3, arXiv:2412.19437 §3.3), or the block
/// formats of GGUF files (blocks of 32 values; the _K formats have super-blocks of 256).
enum class ElementType : uint8_t {
  kF32, kF16, kBF16, kF8E4M3, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K,
};
inline constexpr int32_t kNumElementTypes = 12;
inline constexpr int64_t kFp8Block = 128;
/// Blocks, and so scales, along a side of an E4M3 matrix; the last one may be ragged.
constexpr int64_t Fp8Blocks(int64_t side) { return (side + kFp8Block - 1) / kFp8Block; }

/// Values and bytes of one block as stored in a file (1 value for plain floats), and the name.
struct ElementTraits {
  int32_t block_values;
  int32_t block_bytes;
  const char* name;
};

constexpr ElementTraits TraitsOf(ElementType type) {
  constexpr ElementTraits kTraits[kNumElementTypes] = {
      {1, 4, "F32"},     {1, 2, "F16"},     {1, 2, "BF16"},    {1, 1, "F8_E4M3"},
      {32, 34, "Q8_0"},  {32, 18, "Q4_0"},  {32, 20, "Q4_1"},  {32, 22, "Q5_0"},  {32, 24, "Q5_1"},
      {256, 144, "Q4_K"}, {256, 176, "Q5_K"}, {256, 210, "Q6_K"},
  };
  return kTraits[static_cast<int>(type)];
}

/// Weights that multiply float32 activations; the others meet activations rounded to int8.
constexpr bool IsFloat(ElementType type) { return type <= ElementType::kF8E4M3; }

}  // namespace hadal::inference
