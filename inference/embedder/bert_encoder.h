#pragma once

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/kernels/attention.h"
#include "inference/kernels/device.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/encoder_attention.h"
#include "inference/kernels/int8_matrix.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// BERT and XLM-R (arXiv:1810.04805, arXiv:1911.02116): learned positions, post-norm layers, GELU.
/// Sequences of different lengths run together without padding; a sequence's result does not depend
/// on the others, bit for bit. Thread-compatible: one Forward() at a time.
class BertEncoder {
 public:
  /// The word embeddings stay in the checkpoint's file, which the encoder keeps open.
  static StatusOr<std::unique_ptr<BertEncoder>> Load(std::unique_ptr<Checkpoint> checkpoint,
                                                     PackPrecision precision, Device device);

  const ModelConfig& config() const { return checkpoint_->config(); }

  /// Mean over the last hidden states of each sequence, out [sequences, hidden]. Every sequence is
  /// 1..context_length ids inside the vocabulary (CHECK).
  void Forward(absl::Span<const std::vector<int32_t>> sequences, float* out);

 private:
  struct Norm {
    std::vector<float> weight, bias;
  };
  template <typename Matrix>
  struct Outputs {
    Matrix o, up, down;
  };
  struct Layer {
    PackedMatrix q, k, v;
    /// Rounded, where all weights of the model are quantised. Scores feel how q and k are rounded
    /// ten times as much, so those stay as stored (the cosine of an e5-small vector to the exact
    /// one: 0.9998 with none rounded, 0.9994 with all).
    Outputs<PackedMatrix> stored;
    Outputs<Int8Matrix> rounded;
    std::vector<float> q_bias, k_bias, v_bias, o_bias, up_bias, down_bias;
    Norm attention_norm, output_norm;
  };

  BertEncoder(std::unique_ptr<Checkpoint> checkpoint, Device device);
  Status LoadEmbeddings();
  bool IsQuantised() const;
  /// Of all layers, from `stored` to `rounded`.
  Status RoundOutputs();
  Status LoadLayer(int32_t index, PackPrecision precision, Layer* layer);
  StatusOr<Norm> LoadNorm(const std::string& name) const;
  void Embed(absl::Span<const std::vector<int32_t>> sequences);
  /// x += gelu(x up) down
  void FeedForward(const Layer& layer, const Outputs<PackedMatrix>& weights, MatrixView x);
  void FeedForward(const Layer& layer, const Outputs<Int8Matrix>& weights, MatrixView x);
  template <typename Matrix>
  void RunLayer(const Layer& layer, const Outputs<Matrix>& weights,
                absl::Span<const BidirectionalSlice> slices);

  const std::unique_ptr<Checkpoint> checkpoint_;
  const Device device_;
  const AttentionShape attention_shape_;
  StoredTable words_;
  std::vector<float> positions_;  ///< [context_length, hidden], the token type 0 added
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  bool quantised_ = false;  ///< all weights: products and attention are in whole numbers

  // Activations, kept between calls: [rows, hidden]; of some rows, [ffn].
  int64_t rows_ = 0;
  std::vector<float> hidden_, query_, key_, value_, attended_, wide_;
};

}  // namespace hadal::inference
