#pragma once

#include <cstdint>

// No library code: these files are compiled for single instruction sets (kernels/CMakeLists.txt
// says why).

namespace hadal::inference::tool {

/// Every product of the loops is 3 * 5.
inline constexpr int8_t kLeft = 3;
inline constexpr int8_t kRight = 5;

/// The loops of MeasureMachine() in one instruction set. They return their sums, so that no work
/// can be left out.
struct PeakLoops {
  const char* isa;
  int64_t multiply_adds;  ///< int8 ones, of one round
  /// The sum of all products of all lanes, modulo 2^32.
  int32_t (*multiply)(int64_t rounds);
  /// The sum of the 64-bit words of [data, data + bytes), modulo 2^64; data is aligned to 64 bytes
  /// and bytes are whole multiples of 512. Null: none of its own.
  int64_t (*read)(const uint8_t* data, int64_t bytes);
};

extern const PeakLoops kScalarPeak;
#if defined(__x86_64__)
extern const PeakLoops kAvx2Peak, kAvx512Peak, kAmxPeak;
#endif

}  // namespace hadal::inference::tool
