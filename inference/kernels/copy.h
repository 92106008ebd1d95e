#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// Row i of `to` = row rows[i] of `from`. Same columns; they do not overlap.
void CopyRows(const Device& device, ConstMatrixView from, absl::Span<const int64_t> rows,
              MatrixView to);

/// In every row, `count` pieces of `width` values each: piece i goes from column i * from_step to
/// column i * to_step. from_step 0 repeats one piece. Same rows; they do not overlap.
void CopyPieces(const Device& device, ConstMatrixView from, int64_t from_step, MatrixView to,
                int64_t to_step, int64_t count, int64_t width);

}  // namespace hadal::inference
