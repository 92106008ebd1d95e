#pragma once

#include <cstdint>

#include "inference/tensor/element_type.h"

namespace hadal::inference {

/// 32 numbers of one row as a GGUF file stores them (formats: ggml's quantisation types), still
/// exact: value = d * sub_scale * (q - offset), or d * sub_scale * q + minimum. Formats without
/// super-blocks have sub-scales of one.
struct StoredBlock {
  uint8_t q[32];
  uint16_t d;           ///< f16 bits
  uint16_t m;           ///< f16 bits: added (Q4_1, Q5_1), or times sub_min and subtracted (_K)
  int8_t sub_scale[2];  ///< of values 0-15 and 16-31
  uint8_t sub_min;
};

/// Block `b` (columns 32 b ...) of a row of block-quantised `type`.
void ReadStoredBlock(ElementType type, const uint8_t* row, int64_t b, StoredBlock* out);

float HalfToFloat(uint16_t bits);

}  // namespace hadal::inference
