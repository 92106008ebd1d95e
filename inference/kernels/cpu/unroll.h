#pragma once

// Before a loop over a constant number of register tiles: without it GCC keeps the tile in memory
// at -O2 and the kernels run at a fifth of their speed.
#if defined(__clang__)
#define HADAL_UNROLL _Pragma("unroll")
#else
#define HADAL_UNROLL _Pragma("GCC unroll 16")
#endif

// Helpers of a kernel that must disappear in it.
#define HADAL_INLINE inline __attribute__((always_inline))
#define HADAL_LAMBDA_INLINE __attribute__((always_inline))
