#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

/// Vectors as int8 codes: row is about scale * codes. A quarter of the bytes of float32, and a scan
/// is bound by the bytes it reads. Codes of a row fill a stride of 64-byte steps, zeros at the end.
inline size_t CodeStride(size_t dim) { return (dim + 63) / 64 * 64; }

struct RowCode {
  float scale = 0;
  float error = 0;  ///< at least the length of row - scale * codes
  float norm = 0;   ///< at least the length of the row
};

/// row [dim], finite; codes out [CodeStride(dim)].
RowCode EncodeRow(absl::Span<const float> row, int8_t* codes);

/// A query as integers of 14 bits, which every path multiplies exactly: all paths give the same
/// scores, bit by bit.
class CodedQuery {
 public:
  /// query [dim], finite.
  explicit CodedQuery(absl::Span<const float> query);

  /// scale * <integers, codes> * row.scale is within Error(row.error, norms) of the float32 cosine.
  float scale() const { return scale_; }
  /// Bound of the distance between a row's score by codes and its float32 dot product, in any order
  /// of summation: Cauchy-Schwarz on both rounding errors, and float32's own.
  float Error(float row_error, float max_row_norm) const;

  // For the kernels. [stride] each; value = 128 * high + low.
  size_t stride() const { return values_.size(); }
  const int16_t* values() const { return values_.data(); }
  const int8_t* high() const { return high_.data(); }
  const int8_t* low() const { return low_.data(); }
  int32_t sum() const { return sum_; }

 private:
  std::vector<int16_t> values_;
  std::vector<int8_t> high_;
  std::vector<int8_t> low_;
  int32_t sum_ = 0;
  float scale_ = 0;
  double norm_ = 0;
  double error_ = 0;
};

/// out[i] = <query's integers, codes + rows[i] * stride>; rows and out [n].
using ScanCodesFn = void (*)(const int8_t* codes, const CodedQuery& query,
                             absl::Span<const uint32_t> rows, int32_t* out);
/// <a, b>, both [stride].
using DotCodesFn = int32_t (*)(const int8_t* a, const int8_t* b, size_t stride);

struct CodeKernels {
  ScanCodesFn scan;
  DotCodesFn dot;
};

/// The fastest this CPU has: AVX-512 VNNI, AVX2 or scalar.
const CodeKernels& FastestCodeKernels();

/// Every path this CPU can run, the scalar reference last; for tests.
absl::Span<const CodeKernels> AvailableCodeKernels();

}  // namespace hadal::retrieval
