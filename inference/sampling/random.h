#pragma once

#include <array>
#include <cstdint>

namespace hadal::inference {

/// Philox4x32-10: a counter-based generator, so draw number n needs no draws before it
/// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
std::array<uint32_t, 4> Philox4x32(const std::array<uint32_t, 4>& counter,
                                   const std::array<uint32_t, 2>& key);

/// A number in [0, 1) with 53 random bits that depends on (seed, position) only. Thread-safe.
double UniformDraw(uint64_t seed, uint64_t position);

}  // namespace hadal::inference
