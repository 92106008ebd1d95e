#include "inference/kernels/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/cpu/packed_layout.h"
#include "inference/kernels/stored_block.h"

namespace hadal::inference {
namespace {

static_assert(kPackRows == kGroupRows);

int64_t GroupBytes(ElementType type, int64_t cols) {
  if (type == ElementType::kF8E4M3) {
    return Fp8ScaleOffset(cols) + RoundUp64(Fp8Blocks(cols) * int64_t{sizeof(float)});
  }
  if (IsFloat(type)) return RoundUp64(cols * kGroupRows * TraitsOf(type).block_bytes);
  const PackedLayout layout = PackedLayoutOf(type);
  return QuantSectionOffset(layout, cols) + cols / kBlockCols * layout.quant_bytes;
}

// steps[i] holds 4 columns of 16 rows; see packed_layout.h.
void PackQuants(int bits, const uint8_t (*__restrict steps)[64], uint8_t* __restrict out) {
  if (bits == 8) {
    std::memcpy(out, steps, 512);
    return;
  }
  for (int c = 0; c < 4; ++c) {
    for (int k = 0; k < 64; ++k) {
      out[64 * c + k] =
          static_cast<uint8_t>((steps[c][k] & 15) | (steps[c + 4][k] & 15) << 4);
    }
  }
  uint8_t* high = out + 256;
  if (bits == 5) {
    for (int i = 0; i < 8; ++i) {
      for (int k = 0; k < 64; ++k) {
        high[k] |= static_cast<uint8_t>((steps[i][k] >> 4) << i);
      }
    }
  } else if (bits == 6) {
    for (int i = 0; i < 8; ++i) {
      for (int k = 0; k < 64; ++k) {
        high[64 * (i / 4) + k] |= static_cast<uint8_t>((steps[i][k] >> 4) << (2 * (i % 4)));
      }
    }
  }
}

void PackScales(const PackedLayout& layout, int row, const StoredBlock& block, bool super_start,
                uint8_t* scales, uint8_t* super) {
  auto* halves = reinterpret_cast<uint16_t*>(scales);
  if (!layout.has_super) {
    halves[row] = block.d;
    if (layout.has_min) halves[16 + row] = block.m;
    return;
  }
  scales[row] = static_cast<uint8_t>(block.sub_scale[0]);
  scales[16 + row] =
      layout.has_min ? block.sub_min : static_cast<uint8_t>(block.sub_scale[1]);
  if (!super_start) return;
  auto* super_halves = reinterpret_cast<uint16_t*>(super);
  super_halves[row] = block.d;
  if (layout.has_min) super_halves[16 + row] = block.m;
}

void UnpackQuants(int bits, const uint8_t* quants, int row, uint8_t* q) {
  for (int i = 0; i < 8; ++i) {
    for (int k = 0; k < 4; ++k) {
      const int at = 4 * row + k;
      if (bits == 8) {
        q[4 * i + k] = quants[64 * i + at];
        continue;
      }
      const uint8_t two = quants[64 * (i % 4) + at];
      uint8_t high = 0;
      if (bits == 5) high = (quants[256 + at] >> i) & 1;
      if (bits == 6) high = (quants[256 + 64 * (i / 4) + at] >> (2 * (i % 4))) & 3;
      q[4 * i + k] = static_cast<uint8_t>((i < 4 ? two & 15 : two >> 4) | high << 4);
    }
  }
}

void UnpackScales(const PackedLayout& layout, int row, const uint8_t* scales,
                  const uint8_t* super, StoredBlock* block) {
  const auto* halves = reinterpret_cast<const uint16_t*>(layout.has_super ? super : scales);
  block->d = halves[row];
  block->m = layout.has_min ? halves[16 + row] : 0;
  block->sub_scale[0] = block->sub_scale[1] = 1;
  block->sub_min = 0;
  if (!layout.has_super) return;
  block->sub_scale[0] = static_cast<int8_t>(scales[row]);
  block->sub_scale[1] =
      layout.scales == 2 ? static_cast<int8_t>(scales[16 + row]) : block->sub_scale[0];
  if (layout.has_min) block->sub_min = scales[16 + row];
}

void WidenBlock(const PackedLayout& layout, const StoredBlock& block, float* out) {
  const float d = HalfToFloat(block.d);
  const float m = HalfToFloat(block.m);
  const float min = layout.has_super ? -m * static_cast<float>(block.sub_min) : m;
  for (int i = 0; i < kBlockCols; ++i) {
    const float scale = d * static_cast<float>(block.sub_scale[i / 16]);
    const float product = scale * static_cast<float>(block.q[i] - layout.offset);
    out[i] = layout.has_min ? product + min : product;
  }
}

void PackQuantizedGroup(ElementType type, const uint8_t* rows_data, int64_t row_bytes, int rows,
                        int64_t cols, uint8_t* group) {
  const PackedLayout layout = PackedLayoutOf(type);
  uint8_t* scales = group + ScaleSectionOffset(layout, cols);
  uint8_t* quants = group + QuantSectionOffset(layout, cols);
  for (int64_t b = 0; b < cols / kBlockCols; ++b) {
    alignas(64) uint8_t steps[8][64] = {};
    for (int r = 0; r < rows; ++r) {
      StoredBlock block;
      ReadStoredBlock(type, rows_data + r * row_bytes, b, &block);
      for (int i = 0; i < 8; ++i) std::memcpy(&steps[i][4 * r], &block.q[4 * i], 4);
      PackScales(layout, r, block, b % kSuperBlocks == 0, scales + b * layout.scale_bytes,
                 group + b / kSuperBlocks * layout.super_bytes);
    }
    PackQuants(layout.bits, steps, quants + b * layout.quant_bytes);
  }
}

// The bytes of a file have any alignment.
template <size_t kBytes>
void InterleaveRow(const uint8_t* row, int r, int64_t cols, uint8_t* group) {
  uint8_t* out = group + static_cast<size_t>(r) * kBytes;
  for (int64_t c = 0; c < cols; ++c, out += kGroupRows * kBytes, row += kBytes) {
    std::memcpy(out, row, kBytes);
  }
}

// scales: of E4M3, those of the group's rows.
void PackFloatGroup(ElementType type, const uint8_t* rows_data, int64_t row_bytes, int rows,
                    int64_t cols, const float* scales, bool widen, uint8_t* group) {
  std::vector<float> wide(widen ? static_cast<size_t>(cols) : 0);
  for (int r = 0; r < rows; ++r) {
    const uint8_t* row = rows_data + r * row_bytes;
    if (widen) {
      DequantizeRow(type, row, cols, wide.data(), scales);
      InterleaveRow<4>(reinterpret_cast<const uint8_t*>(wide.data()), r, cols, group);
    } else if (type == ElementType::kF32) {
      InterleaveRow<4>(row, r, cols, group);
    } else if (type == ElementType::kF8E4M3) {
      InterleaveRow<1>(row, r, cols, group);
    } else {
      InterleaveRow<2>(row, r, cols, group);
    }
  }
  if (type == ElementType::kF8E4M3 && !widen) {
    std::memcpy(group + Fp8ScaleOffset(cols), scales,
                static_cast<size_t>(Fp8Blocks(cols)) * sizeof(float));
  }
}

// The kernels widen by shifting bits, where a NaN would become a number.
Status CheckFp8(int64_t rows, int64_t cols, absl::Span<const uint8_t> data,
                absl::Span<const float> scales) {
  if (static_cast<int64_t>(scales.size()) != Fp8Blocks(rows) * Fp8Blocks(cols)) {
    return InvalidArgument("a F8_E4M3 matrix of {} x {} has {} scales, found {}", rows, cols,
                           Fp8Blocks(rows) * Fp8Blocks(cols), scales.size());
  }
  const auto nan =
      std::find_if(data.begin(), data.end(), [](uint8_t b) { return (~b & 0x7F) == 0; });
  if (nan == data.end()) return OkStatus();
  const int64_t at = nan - data.begin();
  return InvalidArgument("weight [{}, {}] is NaN; copy the model again", at / cols, at % cols);
}

}  // namespace

StatusOr<PackedMatrix> PackedMatrix::Pack(ElementType type, int64_t rows, int64_t cols,
                                          absl::Span<const uint8_t> data,
                                          PackPrecision precision, const Device& device,
                                          absl::Span<const float> scales) {
  const ElementTraits traits = TraitsOf(type);
  constexpr int64_t kMaxSide = int64_t{1} << 31;
  if (rows <= 0 || cols <= 0 || rows > kMaxSide || cols > kMaxSide ||
      cols % traits.block_values != 0) {
    return InvalidArgument("a {} matrix needs positive sides and columns in whole blocks of {}, "
                           "found {} x {}", traits.name, traits.block_values, rows, cols);
  }
  const int64_t row_bytes = cols / traits.block_values * traits.block_bytes;
  if (static_cast<int64_t>(data.size()) / row_bytes != rows ||
      static_cast<int64_t>(data.size()) % row_bytes != 0) {
    return InvalidArgument("a {} matrix of {} x {} takes {} bytes, found {}", traits.name, rows,
                           cols, rows * row_bytes, data.size());
  }
  const bool fp8 = type == ElementType::kF8E4M3;
  if (fp8) RETURN_IF_ERROR(CheckFp8(rows, cols, data, scales));
  const bool widen = precision == PackPrecision::kFloat32 && type != ElementType::kF32;
  PackedMatrix matrix;
  matrix.type_ = widen ? ElementType::kF32 : type;
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.group_bytes_ = GroupBytes(matrix.type_, cols);
  // Who touches a page first has it on its node, which is where RunGroups() of this share runs:
  // where there are several, matrices have pages of their own.
  ThreadPool& pool = device.cpu().pool();
  const auto pages = pool.lanes().size() == 1 ? AlignedBuffer::Pages::kShared
                                              : AlignedBuffer::Pages::kOwn;
  ASSIGN_OR_RETURN(
      matrix.buffer_,
      AlignedBuffer::Allocate(
          static_cast<size_t>(matrix.num_groups() * matrix.group_bytes_), pages));
  const std::vector<int64_t> lane_ends = LaneEnds(pool.lanes(), matrix.num_groups());
  const auto stealing = ThreadPool::Stealing::kNever;
  pool.ParallelFor(lane_ends, 4, stealing, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const uint8_t* from = data.data() + g * kGroupRows * row_bytes;
      const int valid = static_cast<int>(std::min<int64_t>(kGroupRows, rows - g * kGroupRows));
      uint8_t* to = matrix.buffer_.data() + g * matrix.group_bytes_;
      if (IsFloat(matrix.type_)) {
        const float* group_scales =
            fp8 ? scales.data() + g * kGroupRows / kFp8Block * Fp8Blocks(cols) : nullptr;
        PackFloatGroup(type, from, row_bytes, valid, cols, group_scales, widen, to);
      } else {
        PackQuantizedGroup(type, from, row_bytes, valid, cols, to);
      }
    }
  });
  return matrix;
}

int64_t PackedMatrix::PackedBytes(ElementType type, int64_t rows, int64_t cols,
                                  PackPrecision precision) {
  const ElementType packed = precision == PackPrecision::kFloat32 ? ElementType::kF32 : type;
  return (rows + kPackRows - 1) / kPackRows * GroupBytes(packed, cols);
}

void PackedMatrix::UnpackRow(int64_t r, float* out) const {
  const uint8_t* from = group(r / kGroupRows);
  const int row = static_cast<int>(r % kGroupRows);
  if (IsFloat(type_)) {
    const int64_t bytes = TraitsOf(type_).block_bytes;
    const auto* scales = reinterpret_cast<const float*>(from + Fp8ScaleOffset(cols_));
    for (int64_t c = 0; c < cols_; ++c) {
      DequantizeRow(type_, from + (c * kGroupRows + row) * bytes, 1, out + c,
                    type_ == ElementType::kF8E4M3 ? scales + c / kFp8Block : nullptr);
    }
    return;
  }
  const PackedLayout layout = PackedLayoutOf(type_);
  const uint8_t* scales = from + ScaleSectionOffset(layout, cols_);
  const uint8_t* quants = from + QuantSectionOffset(layout, cols_);
  for (int64_t b = 0; b < cols_ / kBlockCols; ++b, out += kBlockCols) {
    StoredBlock block;
    UnpackQuants(layout.bits, quants + b * layout.quant_bytes, row, block.q);
    UnpackScales(layout, row, scales + b * layout.scale_bytes,
                 from + b / kSuperBlocks * layout.super_bytes, &block);
    WidenBlock(layout, block, out);
  }
}

void DequantizeRow(ElementType type, const uint8_t* data, int64_t cols, float* out,
                   const float* scales) {
  if (type == ElementType::kF32) {
    std::memcpy(out, data, static_cast<size_t>(cols) * sizeof(float));
    return;
  }
  if (type == ElementType::kF8E4M3) {
    for (int64_t c = 0; c < cols; ++c) {
      // E4M3 is the half 2^-8 times as large, shifted; see VecScalar::FromF8.
      const auto half = static_cast<uint16_t>((data[c] & 0x80) << 8 | (data[c] & 0x7F) << 7);
      out[c] = HalfToFloat(half) * 256.0f * scales[c / kFp8Block];
    }
    return;
  }
  if (IsFloat(type)) {
    for (int64_t c = 0; c < cols; ++c) {
      uint16_t bits;
      std::memcpy(&bits, data + 2 * c, 2);
      const uint32_t wide = static_cast<uint32_t>(bits) << 16;
      if (type == ElementType::kF16) {
        out[c] = HalfToFloat(bits);
      } else {
        std::memcpy(out + c, &wide, 4);
      }
    }
    return;
  }
  const PackedLayout layout = PackedLayoutOf(type);
  for (int64_t b = 0; b < cols / kBlockCols; ++b, out += kBlockCols) {
    StoredBlock block;
    ReadStoredBlock(type, data, b, &block);
    WidenBlock(layout, block, out);
  }
}

}  // namespace hadal::inference
