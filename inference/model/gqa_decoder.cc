#include "inference/model/gqa_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "inference/kernels/activation.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/norm.h"
#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

AttentionShape ShapeFor(const ModelConfig& config) {
  return {config.num_heads, config.num_kv_heads, config.head_dim,
          1.0f / std::sqrt(static_cast<float>(config.head_dim))};
}

Status CheckConfig(const ModelConfig& config) {
  const bool heads_fit = config.num_heads > 0 && config.num_kv_heads > 0 &&
                         config.num_heads % config.num_kv_heads == 0 && config.head_dim > 0 &&
                         config.head_dim % 2 == 0 && config.head_dim <= kMaxHeadDim;
  const bool factors_fit =
      config.rope_freq_factors.empty() ||
      config.rope_freq_factors.size() == static_cast<size_t>(config.head_dim / 2);
  if (!heads_fit || !factors_fit || config.num_layers <= 0 || config.hidden_dim <= 0 ||
      config.ffn_dim <= 0 || config.vocabulary <= 0) {
    return InvalidArgument(
        "{}: expected positive sizes, heads a multiple of KV heads and an even head size up to {}; "
        "found {} layers, {} wide, {} / {} heads of {} with {} rotary factors, feed-forward {}, "
        "vocabulary {}", config.architecture, kMaxHeadDim, config.num_layers, config.hidden_dim,
        config.num_heads, config.num_kv_heads, config.head_dim, config.rope_freq_factors.size(),
        config.ffn_dim, config.vocabulary);
  }
  return OkStatus();
}

}  // namespace

GqaDecoder::GqaDecoder(ModelConfig config, const DecoderOptions& options, Device device,
                       std::unique_ptr<ModelRanks> ranks)
    : config_(std::move(config)),
      ranks_(std::move(ranks)),
      local_(ranks_->LocalConfig(config_)),
      kv_layout_(KvLayoutOf(local_, options)),
      attention_shape_(ShapeFor(local_)),
      device_(std::move(device)),
      trace_(options.trace),
      rope_(RopeInverseFrequencies(config_.head_dim, config_.rope_theta,
                                   config_.rope_freq_factors)),
      feed_forward_(config_, options, *ranks_, device_) {}

StatusOr<std::unique_ptr<Decoder>> GqaDecoder::Load(const Checkpoint& checkpoint,
                                                    const GqaDecoderTraits& traits,
                                                    const DecoderOptions& options,
                                                    Device device) {
  const ModelConfig& config = checkpoint.config();
  RETURN_IF_ERROR(CheckConfig(config));
  if (options.draft) {
    return InvalidArgument("{}: the model has no multi-token prediction layer to draft with",
                           checkpoint.path());
  }
  const PackPrecision precision = options.mode == ComputeMode::kFloat32
                                      ? PackPrecision::kFloat32 : PackPrecision::kStored;
  ASSIGN_OR_RETURN(auto ranks, ModelRanks::Create(checkpoint, options));
  auto decoder = std::unique_ptr<GqaDecoder>(
      new GqaDecoder(config, options, device, std::move(ranks)));
  const ShardPlan& plan = decoder->ranks_->plan();
  ASSIGN_OR_RETURN(decoder->embedding_,
                   LoadMatrix(checkpoint, plan, "token_embd.weight", config.vocabulary,
                              config.hidden_dim, precision, device));
  if (!config.tied_embeddings) {
    ASSIGN_OR_RETURN(decoder->output_,
                     LoadMatrix(checkpoint, plan, "output.weight", config.vocabulary,
                                config.hidden_dim, precision, device));
  }
  ASSIGN_OR_RETURN(decoder->output_norm_,
                   LoadVector(checkpoint, plan, "output_norm.weight", config.hidden_dim, device));
  decoder->layers_.resize(static_cast<size_t>(config.num_layers));
  for (int32_t i = 0; i < config.num_layers; ++i) {
    Layer& layer = decoder->layers_[static_cast<size_t>(i)];
    RETURN_IF_ERROR(decoder->LoadLayer(checkpoint, traits, i, precision, &layer));
    decoder->feed_forward_.Place(checkpoint, precision, i, layer.feed_forward);
  }
  RETURN_IF_ERROR(decoder->ranks_->MeetAfterLoading());
  return decoder;
}

Status GqaDecoder::LoadLayer(const Checkpoint& checkpoint, const GqaDecoderTraits& traits,
                             int32_t index, PackPrecision precision, Layer* layer) {
  const std::string prefix = fmt::format("blk.{}.", index);
  const int64_t hidden = config_.hidden_dim;
  const int64_t q_dim = int64_t{config_.num_heads} * config_.head_dim;
  const int64_t kv_dim = int64_t{config_.num_kv_heads} * config_.head_dim;
  const ShardPlan& plan = ranks_->plan();
  const auto matrix = [&](const char* name, int64_t rows, int64_t cols, PackedMatrix* out) {
    ASSIGN_OR_RETURN(*out,
                     LoadMatrix(checkpoint, plan, prefix + name, rows, cols, precision, device_));
    return OkStatus();
  };
  const auto vector = [&](const char* name, int64_t size, DeviceBuffer* out) {
    ASSIGN_OR_RETURN(*out, LoadVector(checkpoint, plan, prefix + name, size, device_));
    return OkStatus();
  };
  RETURN_IF_ERROR(vector("attn_norm.weight", hidden, &layer->attention_norm));
  RETURN_IF_ERROR(vector("ffn_norm.weight", hidden, &layer->ffn_norm));
  RETURN_IF_ERROR(matrix("attn_q.weight", q_dim, hidden, &layer->q));
  RETURN_IF_ERROR(matrix("attn_k.weight", kv_dim, hidden, &layer->k));
  RETURN_IF_ERROR(matrix("attn_v.weight", kv_dim, hidden, &layer->v));
  RETURN_IF_ERROR(matrix("attn_output.weight", hidden, q_dim, &layer->o));
  ASSIGN_OR_RETURN(layer->feed_forward,
                   LoadFeedForward(checkpoint, plan, index, precision, device_));
  if (traits.attention_bias) {
    RETURN_IF_ERROR(vector("attn_q.bias", q_dim, &layer->q_bias));
    RETURN_IF_ERROR(vector("attn_k.bias", kv_dim, &layer->k_bias));
    RETURN_IF_ERROR(vector("attn_v.bias", kv_dim, &layer->v_bias));
  }
  return OkStatus();
}

void GqaDecoder::Trace(const char* part, int32_t layer, ConstMatrixView x) const {
  if (trace_ != nullptr && x.rows > 0) {
    trace_->OnHidden(fmt::format("layer.{}.{}", layer, part), x);
  }
}

// out = attention of x, normed; kv_ is bound to the layer.
void GqaDecoder::Attend(const Layer& layer, ConstMatrixView x, MatrixView out) {
  const int64_t q_dim = int64_t{local_.num_heads} * local_.head_dim;
  const MatrixView query = act_.query.Reserve(device_, x.rows, q_dim);
  const MatrixView attended = act_.attended.Reserve(device_, x.rows, q_dim);
  const MatrixView key = act_.key.Reserve(device_, x.rows, kv_layout_.k.values);
  const MatrixView value = act_.value.Reserve(device_, x.rows, kv_layout_.v.values);
  const MatMulTask tasks[] = {{&layer.q, layer.q_bias.data(), query, false},
                              {&layer.k, layer.k_bias.data(), key, false},
                              {&layer.v, layer.v_bias.data(), value, false}};
  MatMul(device_, x, tasks);
  const RopeLayout rope =
      config_.rope_interleaved ? RopeLayout::kInterleaved : RopeLayout::kHalves;
  ApplyRope(device_, rope_, rope, local_.num_heads, query);
  ApplyRope(device_, rope_, rope, local_.num_kv_heads, key);
  StoreRows(device_, key, kv_.key_row, kv_.key_rows);
  StoreRows(device_, value, kv_.value_row, kv_.value_rows);
  CausalAttention(device_, attention_shape_, query, kv_.slices, attended);
  MatMul(device_, attended, layer.o, nullptr, out);
}

Status GqaDecoder::RunLayer(int32_t index, int64_t num_rows) {
  const Layer& layer = layers_[static_cast<size_t>(index)];
  const MatrixView residual = act_.residual.Reserve(device_, num_rows, config_.hidden_dim);
  const MatrixView normed = act_.normed.Reserve(device_, num_rows, config_.hidden_dim);
  const MatrixView part = act_.part.Reserve(device_, num_rows, config_.hidden_dim);

  RmsNorm(device_, residual, layer.attention_norm.data(), config_.norm_eps, normed);
  Attend(layer, normed, part);
  RETURN_IF_ERROR(ranks_->Sum(part));
  Trace("attn", index, part);
  AddInPlace(device_, part, residual);

  RmsNorm(device_, residual, layer.ffn_norm.data(), config_.norm_eps, normed);
  RETURN_IF_ERROR(feed_forward_.Run(layer.feed_forward, index, normed, part));
  Trace("mlp", index, part);
  AddInPlace(device_, part, residual);
  Trace("out", index, residual);
  return OkStatus();
}

Status GqaDecoder::Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                           absl::Span<float> logits) {
  RETURN_IF_ERROR(ValidateBatch(config_, kv_layout_, batch, cache, logits.size()));
  const BatchPlan plan = PlanBatch(batch);
  // A group without work still computes the experts of others.
  if (plan.num_rows == 0 && !ranks_->plan().spreads_experts()) return OkStatus();
  const MatrixView residual = act_.residual.Reserve(device_, plan.num_rows, config_.hidden_dim);
  RETURN_IF_ERROR(ranks_->Embed(device_, embedding_, plan.tokens, residual));
  if (trace_ != nullptr && plan.num_rows > 0) trace_->OnHidden("embed", residual);
  rope_.Compute(device_, plan.positions);
  for (int32_t i = 0; i < config_.num_layers; ++i) {
    BindLayer(i, batch, plan, cache, &kv_);
    RETURN_IF_ERROR(RunLayer(i, plan.num_rows));
  }
  if (plan.logits_rows.empty()) return OkStatus();
  const MatrixView last = GatherLogitsRows(device_, plan, residual, act_.normed);
  RmsNorm(device_, last, output_norm_.data(), config_.norm_eps, last);
  if (trace_ != nullptr) trace_->OnHidden("final_norm", last);
  return ranks_->Project(device_, last, config_.tied_embeddings ? embedding_ : output_,
                         MatrixView(logits.data(), last.rows, config_.vocabulary));
}

}  // namespace hadal::inference
