#pragma once

// Before a loop over a constant number of register tiles: without it GCC keeps the tile in memory
// at -O2 and the kernels run at a fifth of their speed.
#if defined(__clang__)
#define HADAL_UNROLL _Pragma("unroll")
#else
#define HADAL_UNROLL _Pragma("GCC unroll 16")
#endif
