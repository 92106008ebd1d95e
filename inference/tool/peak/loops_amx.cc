#include <immintrin.h>

#include "inference/tool/peak/loops.h"

namespace hadal::inference::tool {
namespace {

constexpr int kRows = 16;
constexpr int kRowBytes = 64;

// Tiles of 16 rows of 64 bytes. Four are sums of two times two operands, as in a kernel.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

int32_t Multiply(int64_t rounds) {
  const TileConfig config;
  alignas(64) int8_t left[kRows * kRowBytes], right[kRows * kRowBytes];
  for (int8_t& value : left) value = kLeft;
  for (int8_t& value : right) value = kRight;
  // GCC 12 does not know what the instructions read: without this it drops the stores.
  asm volatile("" : : "r"(&config), "r"(left), "r"(right) : "memory");
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, left, kRowBytes);
  _tile_loadd(5, left, kRowBytes);
  _tile_loadd(6, right, kRowBytes);
  _tile_loadd(7, right, kRowBytes);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  alignas(64) uint32_t sums[4][kRows * kRowBytes / 4];
  _tile_stored(0, sums[0], kRowBytes);
  _tile_stored(1, sums[1], kRowBytes);
  _tile_stored(2, sums[2], kRowBytes);
  _tile_stored(3, sums[3], kRowBytes);
  _tile_release();
  uint32_t total = 0;
  for (const auto& sum : sums) {
    for (const uint32_t value : sum) total += value;
  }
  return static_cast<int32_t>(total);
}

}  // namespace

const PeakLoops kAmxPeak = {"amx", 4 * kRows* kRows* kRowBytes, Multiply, nullptr};

}  // namespace hadal::inference::tool
