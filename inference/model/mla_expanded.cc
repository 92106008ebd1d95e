#include "inference/model/mla_expanded.h"

#include <algorithm>
#include <utility>

#include "inference/kernels/copy.h"

namespace hadal::inference {
namespace {

// Heads are expanded so many at a time that their keys stay below this: 32 MiB.
constexpr int64_t kMaxKeyValues = int64_t{1} << 23;
// Their latents take half a megabyte in V3.
constexpr int64_t kPositionsAtOnce = 256;

}  // namespace

ExpandedMlaAttention::ExpandedMlaAttention(const LatentAttentionShape& shape, int32_t nope_dim,
                                           int32_t value_dim, Device device)
    : device_(std::move(device)), shape_(shape), nope_dim_(nope_dim), value_dim_(value_dim) {}

// keys_ and values_ of some heads, both with a stride of key_dim a head; some positions after the
// other, so that their latents stay in the cache for all heads. Heads share the rotated key.
void ExpandedMlaAttention::Expand(const MlaWeights& weights, int64_t first_head, int64_t heads,
                                  int64_t positions) {
  const int64_t key_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const int64_t cached = int64_t{shape_.latent_dim} + shape_.rope_dim;
  const MatrixView keys = keys_.Reserve(device_, positions, heads * key_dim);
  const MatrixView values = values_.Reserve(device_, positions, heads * key_dim);
  for (int64_t begin = 0; begin < positions; begin += kPositionsAtOnce) {
    const int64_t count = std::min(kPositionsAtOnce, positions - begin);
    tasks_.clear();
    for (int64_t h = 0; h < heads; ++h) {
      const auto from = static_cast<size_t>(first_head + h);
      const int64_t at = h * key_dim;
      tasks_.push_back({&weights.k_up[from], nullptr,
                        MatrixView(keys.row(begin) + at, count, nope_dim_, keys.stride), false});
      tasks_.push_back({&weights.v_b[from], nullptr,
                        MatrixView(values.row(begin) + at, count, value_dim_, values.stride),
                        false});
    }
    MatMul(device_,
           ConstMatrixView(latents_.data() + begin * cached, count, shape_.latent_dim, cached),
           tasks_);
  }
  CopyPieces(device_,
             ConstMatrixView(latents_.data() + shape_.latent_dim, positions, shape_.rope_dim,
                             cached),
             /*from_step=*/0,
             MatrixView(keys.data + nope_dim_, positions, keys.cols, keys.stride), key_dim, heads,
             shape_.rope_dim);
}

void ExpandedMlaAttention::Run(const MlaWeights& weights, const CausalSlice& slice,
                               ConstMatrixView query, MatrixView values) {
  const int32_t positions = slice.position + slice.num_rows;
  const int64_t key_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const int64_t most = std::max<int64_t>(1, kMaxKeyValues / (positions * key_dim));
  LoadLatentRows(
      device_, shape_, slice.kv,
      latents_.Reserve(device_, positions, int64_t{shape_.latent_dim} + shape_.rope_dim));
  for (int64_t first = 0; first < shape_.num_heads; first += most) {
    const int64_t heads = std::min(most, shape_.num_heads - first);
    Expand(weights, first, heads, positions);
    const void* const key_block = keys_.data();
    const void* const value_block = values_.data();
    CausalSlice expanded = slice;
    expanded.kv = {absl::MakeConstSpan(&key_block, 1), absl::MakeConstSpan(&value_block, 1),
                   positions, KvDtype::kF32};
    AttentionShape shape;
    shape.num_heads = shape.num_kv_heads = static_cast<int32_t>(heads);
    shape.head_dim = static_cast<int32_t>(key_dim);
    shape.value_dim = value_dim_;
    shape.scale = shape_.scale;
    CausalAttention(
        device_, shape,
        ConstMatrixView(query.data + first * key_dim, query.rows, heads * key_dim, query.stride),
        absl::MakeConstSpan(&expanded, 1),
        MatrixView(values.data + first * value_dim_, values.rows, heads * value_dim_,
                   values.stride));
  }
}

int64_t ExpandedBufferValues(const ModelConfig& config, int64_t positions) {
  const MlaConfig& mla = config.mla;
  return positions * (int64_t{mla.kv_lora_rank} + mla.qk_rope_head_dim) +
         2 * std::max(kMaxKeyValues, positions * config.head_dim);
}

StatusOr<std::vector<PackedMatrix>> TransposeKeys(absl::Span<const PackedMatrix> k_b,
                                                  const Device& device) {
  std::vector<PackedMatrix> transposed;
  for (const PackedMatrix& matrix : k_b) {
    std::vector<float> row(static_cast<size_t>(matrix.cols()));
    std::vector<float> wide(static_cast<size_t>(matrix.rows() * matrix.cols()));
    for (int64_t r = 0; r < matrix.rows(); ++r) {
      matrix.UnpackRow(r, row.data());
      for (int64_t c = 0; c < matrix.cols(); ++c) {
        wide[static_cast<size_t>(c * matrix.rows() + r)] = row[static_cast<size_t>(c)];
      }
    }
    ASSIGN_OR_RETURN(
        PackedMatrix packed,
        PackedMatrix::Pack(ElementType::kF32, matrix.cols(), matrix.rows(),
                           absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(wide.data()),
                                               wide.size() * sizeof(float)),
                           PackPrecision::kStored, device));
    transposed.push_back(std::move(packed));
  }
  return transposed;
}

}  // namespace hadal::inference
