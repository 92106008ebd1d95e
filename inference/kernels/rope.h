#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// Which elements of a head are rotated together.
enum class RopeLayout {
  kHalves,       ///< (j, j + head_dim / 2): Hugging Face Llama and Qwen2
  kInterleaved,  ///< (2j, 2j + 1): Llama converted to GGUF, DeepSeek
};

/// Cosines and sines of a batch: row r holds those of positions[r], one per pair.
class RopeTable {
 public:
  /// inverse_frequency [head_dim / 2], in radians per position; cosines and sines are multiplied by
  /// `magnitude` (YaRN).
  explicit RopeTable(std::vector<float> inverse_frequency, float magnitude = 1)
      : inverse_frequency_(std::move(inverse_frequency)), magnitude_(magnitude) {}
  /// Fills the rows; the angle is the float32 product, as the published models were trained.
  void Compute(const Device& device, absl::Span<const int32_t> positions);
  int64_t num_pairs() const { return static_cast<int64_t>(inverse_frequency_.size()); }
  int64_t num_rows() const { return num_rows_; }
  const float* cos_row(int64_t r) const { return cos_.data() + r * num_pairs(); }
  const float* sin_row(int64_t r) const { return sin_.data() + r * num_pairs(); }

 private:
  const std::vector<float> inverse_frequency_;
  const float magnitude_;
  int64_t num_rows_ = 0;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

/// Rotates every head of x [rows, num_heads * head_dim] in place (RoFormer, arXiv:2104.09864).
/// table.num_rows() >= x.rows; head_dim == 2 * table.num_pairs().
void ApplyRope(const Device& device, const RopeTable& table, RopeLayout layout,
               int32_t num_heads, MatrixView x);

/// The same where heads are `head_stride` values apart and x begins at the rotated part of the
/// first head: the rotary part of DeepSeek's query heads.
void ApplyRope(const Device& device, const RopeTable& table, RopeLayout layout,
               int32_t num_heads, int64_t head_stride, MatrixView x);

/// base^(-2j / head_dim) for j in [0, head_dim / 2), divided by factors[j] where there are any
/// (Llama 3, YaRN).
std::vector<float> RopeInverseFrequencies(int32_t head_dim, float base,
                                          absl::Span<const float> factors = {});

}  // namespace hadal::inference
