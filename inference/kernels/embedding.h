#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/tensor/element_type.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// A table of rows as stored in a file; not copied.
struct StoredTable {
  ElementType type = ElementType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  absl::Span<const uint8_t> data;
};

/// out row i = table row ids[i], widened to float32. Ids must be inside the table (CHECK).
void EmbeddingLookup(const Device& device, const StoredTable& table,
                     absl::Span<const int32_t> ids, MatrixView out);

/// An id whose row is zeros.
inline constexpr int32_t kNoRow = -1;

/// The same from a packed table: one copy serves as embedding and as tied output projection. Ids
/// may be kNoRow.
void EmbeddingLookup(const Device& device, const PackedMatrix& table,
                     absl::Span<const int32_t> ids, MatrixView out);

}  // namespace hadal::inference
