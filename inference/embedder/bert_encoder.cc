#include "inference/embedder/bert_encoder.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "inference/kernels/activation.h"
#include "inference/kernels/int8_matmul.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/norm.h"
#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

// Rows of wide activations at a time: with the weights that meet them they stay in a core's cache.
constexpr int64_t kWideRows = 128;

}  // namespace

BertEncoder::BertEncoder(std::unique_ptr<Checkpoint> checkpoint, Device device)
    : checkpoint_(std::move(checkpoint)),
      device_(std::move(device)),
      attention_shape_{config().num_heads, config().num_heads, config().head_dim,
                       1.0f / std::sqrt(static_cast<float>(config().head_dim))} {}

StatusOr<std::unique_ptr<BertEncoder>> BertEncoder::Load(std::unique_ptr<Checkpoint> checkpoint,
                                                         PackPrecision precision,
                                                         Device device) {
  const ModelConfig& config = checkpoint->config();
  if (config.architecture != "bert") {
    return InvalidArgument("{}: architecture \"{}\" is no encoder; choose an embedding model",
                           checkpoint->path(), config.architecture);
  }
  if (config.num_kv_heads != config.num_heads || config.head_dim > kMaxHeadDim) {
    return InvalidArgument(
        "{}: {} heads of {} with {} key/value heads, expected as many and at most {}",
        checkpoint->path(), config.num_heads, config.head_dim, config.num_kv_heads, kMaxHeadDim);
  }
  std::unique_ptr<BertEncoder> encoder(new BertEncoder(std::move(checkpoint), std::move(device)));
  RETURN_IF_ERROR(encoder->LoadEmbeddings());
  encoder->layers_.resize(static_cast<size_t>(encoder->config().num_layers));
  for (int32_t i = 0; i < encoder->config().num_layers; ++i) {
    RETURN_IF_ERROR(encoder->LoadLayer(i, precision, &encoder->layers_[static_cast<size_t>(i)]));
  }
  encoder->quantised_ = encoder->IsQuantised();
  if (encoder->quantised_) RETURN_IF_ERROR(encoder->RoundOutputs());
  return encoder;
}

Status BertEncoder::LoadEmbeddings() {
  const int64_t hidden = config().hidden_dim;
  ASSIGN_OR_RETURN(const Weight words,
                   checkpoint_->Get("token_embd.weight", {config().vocabulary, hidden}));
  ASSIGN_OR_RETURN(const ElementType type, ToElementType(words.type));
  words_ = {type, config().vocabulary, hidden, words.data};

  const int64_t first = config().position_offset;
  const int64_t table_rows = config().context_length + first;
  ASSIGN_OR_RETURN(const Weight positions,
                   checkpoint_->Get("position_embd.weight", {table_rows, hidden}));
  const Weight* types = checkpoint_->Find("token_types.weight");
  if (types == nullptr || types->shape.size() != 2 || types->shape[1] != hidden) {
    return InvalidArgument("{}: token_types.weight is missing or not [types, {}]",
                           checkpoint_->path(), hidden);
  }
  ASSIGN_OR_RETURN(const ElementType position_type, ToElementType(positions.type));
  ASSIGN_OR_RETURN(const ElementType types_type, ToElementType(types->type));
  const size_t row_bytes = positions.data.size() / static_cast<size_t>(table_rows);
  std::vector<float> type_row(static_cast<size_t>(hidden));
  DequantizeRow(types_type, types->data.data(), hidden, type_row.data());
  positions_.resize(static_cast<size_t>(config().context_length * hidden));
  for (int64_t p = 0; p < config().context_length; ++p) {
    float* row = positions_.data() + p * hidden;
    DequantizeRow(position_type, positions.data.data() + static_cast<size_t>(p + first) * row_bytes,
                  hidden, row);
    for (int64_t i = 0; i < hidden; ++i) row[i] += type_row[static_cast<size_t>(i)];
  }
  ASSIGN_OR_RETURN(embedding_norm_, LoadNorm("token_embd_norm"));
  return OkStatus();
}

StatusOr<BertEncoder::Norm> BertEncoder::LoadNorm(const std::string& name) const {
  Norm norm;
  ASSIGN_OR_RETURN(norm.weight, LoadVector(*checkpoint_, name + ".weight", config().hidden_dim));
  ASSIGN_OR_RETURN(norm.bias, LoadVector(*checkpoint_, name + ".bias", config().hidden_dim));
  return norm;
}

Status BertEncoder::LoadLayer(int32_t index, PackPrecision precision, Layer* layer) {
  const int64_t hidden = config().hidden_dim;
  const int64_t ffn = config().ffn_dim;
  struct Projection {
    const char* name;
    int64_t rows;
    int64_t cols;
    PackedMatrix* weight;
    std::vector<float>* bias;
  };
  Outputs<PackedMatrix>& stored = layer->stored;
  const Projection projections[] = {
      {"attn_q", hidden, hidden, &layer->q, &layer->q_bias},
      {"attn_k", hidden, hidden, &layer->k, &layer->k_bias},
      {"attn_v", hidden, hidden, &layer->v, &layer->v_bias},
      {"attn_output", hidden, hidden, &stored.o, &layer->o_bias},
      {"ffn_up", ffn, hidden, &stored.up, &layer->up_bias},
      {"ffn_down", hidden, ffn, &stored.down, &layer->down_bias},
  };
  const std::string prefix = fmt::format("blk.{}.", index);
  for (const Projection& p : projections) {
    ASSIGN_OR_RETURN(*p.weight, LoadMatrix(*checkpoint_, prefix + p.name + ".weight", p.rows,
                                           p.cols, precision, device_));
    ASSIGN_OR_RETURN(*p.bias, LoadVector(*checkpoint_, prefix + p.name + ".bias", p.rows));
  }
  ASSIGN_OR_RETURN(layer->attention_norm, LoadNorm(prefix + "attn_output_norm"));
  ASSIGN_OR_RETURN(layer->output_norm, LoadNorm(prefix + "layer_output_norm"));
  return OkStatus();
}

bool BertEncoder::IsQuantised() const {
  return std::all_of(layers_.begin(), layers_.end(), [](const Layer& layer) {
    const auto& outputs = layer.stored;
    const PackedMatrix* weights[] = {&layer.q,   &layer.k,    &layer.v,
                                     &outputs.o, &outputs.up, &outputs.down};
    return std::none_of(std::begin(weights), std::end(weights),
                        [](const PackedMatrix* weight) { return IsFloat(weight->type()); });
  });
}

Status BertEncoder::RoundOutputs() {
  for (Layer& layer : layers_) {
    ASSIGN_OR_RETURN(layer.rounded.o, Int8Matrix::Round(layer.stored.o, device_));
    ASSIGN_OR_RETURN(layer.rounded.up, Int8Matrix::Round(layer.stored.up, device_));
    ASSIGN_OR_RETURN(layer.rounded.down, Int8Matrix::Round(layer.stored.down, device_));
    layer.stored = {};
  }
  return OkStatus();
}

void BertEncoder::Embed(absl::Span<const std::vector<int32_t>> sequences) {
  const int64_t hidden = config().hidden_dim;
  std::vector<int32_t> ids;
  for (const auto& sequence : sequences) {
    CHECK(!sequence.empty() && sequence.size() <= static_cast<size_t>(config().context_length));
    ids.insert(ids.end(), sequence.begin(), sequence.end());
  }
  rows_ = static_cast<int64_t>(ids.size());
  for (auto* buffer : {&hidden_, &query_, &key_, &value_, &attended_}) {
    buffer->resize(static_cast<size_t>(rows_ * hidden));
  }
  const MatrixView x(hidden_.data(), rows_, hidden);
  EmbeddingLookup(device_, words_, ids, x);
  int64_t row = 0;
  for (const auto& sequence : sequences) {
    const auto length = static_cast<int64_t>(sequence.size());
    // The position table is dense, so a sequence's rows are one block to add.
    AddInPlace(device_, ConstMatrixView(positions_.data(), length, hidden),
               MatrixView(x.row(row), length, hidden));
    row += length;
  }
  LayerNorm(device_, x, embedding_norm_.weight.data(), embedding_norm_.bias.data(),
            config().norm_eps, x);
}

void BertEncoder::FeedForward(const Layer& layer, const Outputs<Int8Matrix>& weights,
                              MatrixView x) {
  GeluFeedForward(device_, x, weights.up, layer.up_bias.data(),
                  {&weights.down, layer.down_bias.data(), x, /*accumulate=*/true});
}

void BertEncoder::FeedForward(const Layer& layer, const Outputs<PackedMatrix>& weights,
                              MatrixView x) {
  wide_.resize(static_cast<size_t>(kWideRows * config().ffn_dim));
  for (int64_t first = 0; first < x.rows; first += kWideRows) {
    const MatrixView rows(x.row(first), std::min(kWideRows, x.rows - first), x.cols);
    const MatrixView wide(wide_.data(), rows.rows, config().ffn_dim);
    MatMul(device_, rows, weights.up, layer.up_bias.data(), wide);
    Gelu(device_, wide, wide);
    MatMul(device_, wide, weights.down, layer.down_bias.data(), rows, /*accumulate=*/true);
  }
}

template <typename Matrix>
void BertEncoder::RunLayer(const Layer& layer, const Outputs<Matrix>& weights,
                           absl::Span<const BidirectionalSlice> slices) {
  const int64_t hidden = config().hidden_dim;
  const float eps = config().norm_eps;
  const MatrixView x(hidden_.data(), rows_, hidden);
  const MatrixView q(query_.data(), rows_, hidden);
  const MatrixView k(key_.data(), rows_, hidden);
  const MatrixView v(value_.data(), rows_, hidden);
  const MatrixView attended(attended_.data(), rows_, hidden);
  const MatMulTask inputs[] = {{&layer.q, layer.q_bias.data(), q, false},
                               {&layer.k, layer.k_bias.data(), k, false},
                               {&layer.v, layer.v_bias.data(), v, false}};
  MatMul(device_, x, inputs);
  const bool rounded = quantised_ && attention_shape_.head_dim % 32 == 0;
  const auto attend = rounded ? RoundedBidirectionalAttention : BidirectionalAttention;
  attend(device_, attention_shape_, q, k, v, slices, attended);
  const MatMulTaskOf<Matrix> output = {&weights.o, layer.o_bias.data(), x, /*accumulate=*/true};
  MatMul(device_, attended, absl::MakeConstSpan(&output, 1));
  LayerNorm(device_, x, layer.attention_norm.weight.data(), layer.attention_norm.bias.data(), eps,
            x);
  FeedForward(layer, weights, x);
  LayerNorm(device_, x, layer.output_norm.weight.data(), layer.output_norm.bias.data(), eps, x);
}

void BertEncoder::Forward(absl::Span<const std::vector<int32_t>> sequences, float* out) {
  if (sequences.empty()) return;
  Embed(sequences);
  std::vector<BidirectionalSlice> slices;
  int64_t first = 0;
  for (const auto& sequence : sequences) {
    slices.push_back({first, static_cast<int32_t>(sequence.size())});
    first += static_cast<int64_t>(sequence.size());
  }
  for (const Layer& layer : layers_) {
    quantised_ ? RunLayer(layer, layer.rounded, slices) : RunLayer(layer, layer.stored, slices);
  }

  const auto hidden = static_cast<size_t>(config().hidden_dim);
  std::vector<double> sum(hidden);
  for (const BidirectionalSlice& slice : slices) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int64_t r = slice.first_row; r < slice.first_row + slice.num_rows; ++r) {
      const float* row = hidden_.data() + static_cast<size_t>(r) * hidden;
      for (size_t i = 0; i < hidden; ++i) sum[i] += static_cast<double>(row[i]);
    }
    for (size_t i = 0; i < hidden; ++i) *out++ = static_cast<float>(sum[i] / slice.num_rows);
  }
}

}  // namespace hadal::inference
