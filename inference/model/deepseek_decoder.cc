#include "inference/model/deepseek_decoder.h"

#include <algorithm>
#include <utility>

#include "inference/kernels/activation.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/norm.h"
#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

Status CheckConfig(const ModelConfig& config) {
  const MlaConfig& mla = config.mla;
  const bool attention_fits =
      config.num_heads > 0 && mla.q_lora_rank >= 0 && mla.kv_lora_rank > 0 &&
      mla.qk_nope_head_dim > 0 && mla.qk_rope_head_dim > 0 && mla.qk_rope_head_dim % 2 == 0 &&
      mla.v_head_dim > 0 && mla.kv_lora_rank <= kMaxHeadDim - mla.qk_rope_head_dim &&
      config.head_dim == mla.qk_nope_head_dim + mla.qk_rope_head_dim &&
      (config.rope_freq_factors.empty() ||
       config.rope_freq_factors.size() == static_cast<size_t>(mla.qk_rope_head_dim / 2));
  if (!attention_fits || config.num_layers <= 0 || config.hidden_dim <= 0 || config.ffn_dim <= 0 ||
      config.vocabulary <= 0) {
    return InvalidArgument(
        "{}: expected positive sizes, kv_lora_rank + qk_rope_head_dim up to {} and an even rotary "
        "part; found {} layers, {} wide, {} heads of {} + {} / {}, ranks {} and {}, {} rotary "
        "factors, feed-forward {}, vocabulary {}",
        config.architecture, kMaxHeadDim, config.num_layers, config.hidden_dim, config.num_heads,
        mla.qk_nope_head_dim, mla.qk_rope_head_dim, mla.v_head_dim, mla.q_lora_rank,
        mla.kv_lora_rank, config.rope_freq_factors.size(), config.ffn_dim, config.vocabulary);
  }
  return CheckExperts(config);
}

}  // namespace

DeepseekDecoder::DeepseekDecoder(const ModelConfig& config, const DecoderOptions& options,
                                 Device device, std::unique_ptr<ModelRanks> ranks)
    : config_(config),
      kv_layout_(KvLayoutOf(config, options)),
      device_(device),
      trace_(options.trace),
      expanded_prefill_(options.expanded_prefill),
      ranks_(std::move(ranks)),
      rope_(RopeInverseFrequencies(config.mla.qk_rope_head_dim, config.rope_theta,
                                   config.rope_freq_factors),
            config.rope_magnitude),
      attention_(ranks_->LocalConfig(config), device),
      feed_forward_(config, options, *ranks_, std::move(device)) {}

StatusOr<std::unique_ptr<Decoder>> DeepseekDecoder::Load(const Checkpoint& checkpoint,
                                                         const DecoderOptions& options,
                                                         Device device) {
  const ModelConfig& config = checkpoint.config();
  RETURN_IF_ERROR(CheckConfig(config));
  if (options.draft && config.num_nextn_layers == 0) {
    return InvalidArgument("{}: the model has no multi-token prediction layer to draft with",
                           checkpoint.path());
  }
  if (options.expanded_prefill && config.mla.v_head_dim > config.head_dim) {
    return InvalidArgument(
        "{}: expanded prefill takes values no wider than the {} of a query, found {}; load the "
        "model without it",
        checkpoint.path(), config.head_dim, config.mla.v_head_dim);
  }
  ASSIGN_OR_RETURN(auto ranks, ModelRanks::Create(checkpoint, options));
  std::unique_ptr<DeepseekDecoder> decoder(
      new DeepseekDecoder(config, options, std::move(device), std::move(ranks)));
  const PackPrecision precision =
      options.mode == ComputeMode::kFloat32 ? PackPrecision::kFloat32 : PackPrecision::kStored;
  RETURN_IF_ERROR(decoder->LoadWeights(checkpoint, precision));
  RETURN_IF_ERROR(decoder->ranks_->MeetAfterLoading());
  return decoder;
}

Status DeepseekDecoder::LoadWeights(const Checkpoint& checkpoint, PackPrecision precision) {
  const ShardPlan& plan = ranks_->plan();
  ASSIGN_OR_RETURN(embedding_, LoadMatrix(checkpoint, plan, "token_embd.weight", config_.vocabulary,
                                          config_.hidden_dim, precision, device_));
  if (!config_.tied_embeddings) {
    ASSIGN_OR_RETURN(output_, LoadMatrix(checkpoint, plan, "output.weight", config_.vocabulary,
                                         config_.hidden_dim, precision, device_));
  }
  ASSIGN_OR_RETURN(output_norm_,
                   LoadVector(checkpoint, plan, "output_norm.weight", config_.hidden_dim, device_));
  for (int32_t i = 0; i < kv_layout_.num_layers; ++i) {
    ASSIGN_OR_RETURN(DeepseekLayer layer,
                     LoadDeepseekLayer(checkpoint, plan, i, precision, device_));
    if (expanded_prefill_) {
      ASSIGN_OR_RETURN(layer.attention.k_up, TransposeKeys(layer.attention.k_b, device_));
    }
    feed_forward_.Place(checkpoint, precision, i, layer.feed_forward);
    layers_.push_back(std::move(layer));
  }
  if (kv_layout_.num_layers > config_.num_layers) {
    ASSIGN_OR_RETURN(draft_,
                     LoadDeepseekDraft(checkpoint, plan, config_.num_layers, precision, device_));
  }
  return OkStatus();
}

void DeepseekDecoder::Trace(const char* part, int32_t layer, ConstMatrixView x) const {
  if (trace_ != nullptr && x.rows > 0) {
    trace_->OnHidden(fmt::format("layer.{}.{}", layer, part), x);
  }
}

Status DeepseekDecoder::RunLayer(int32_t index, int64_t num_rows,
                                 absl::Span<const int32_t> expanded_rows) {
  const DeepseekLayer& layer = layers_[static_cast<size_t>(index)];
  const MatrixView residual = residual_.Reserve(device_, num_rows, config_.hidden_dim);
  const MatrixView normed = normed_.Reserve(device_, num_rows, config_.hidden_dim);
  const MatrixView part = part_.Reserve(device_, num_rows, config_.hidden_dim);

  RmsNorm(device_, residual, layer.attention_norm.data(), config_.norm_eps, normed);
  attention_.Run(layer.attention, normed, rope_, kv_, expanded_rows, part);
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

Status DeepseekDecoder::Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                                absl::Span<float> logits) {
  RETURN_IF_ERROR(ValidateBatch(config_, kv_layout_, batch, cache, logits.size()));
  const BatchPlan plan = PlanBatch(batch);
  RETURN_IF_ERROR(CheckExpanded(plan));
  // A group without work still computes the experts of others.
  if (plan.num_rows == 0 && !ranks_->plan().spreads_experts()) return OkStatus();
  const MatrixView residual = residual_.Reserve(device_, plan.num_rows, config_.hidden_dim);
  RETURN_IF_ERROR(ranks_->Embed(device_, embedding_, plan.tokens, residual));
  if (trace_ != nullptr && plan.num_rows > 0) trace_->OnHidden("embed", residual);
  rope_.Compute(device_, plan.positions);
  for (int32_t i = 0; i < config_.num_layers; ++i) {
    BindLayer(i, batch, plan, cache, &kv_);
    RETURN_IF_ERROR(RunLayer(i, plan.num_rows, plan.expanded_rows));
  }
  if (draft_) KeepForDraft(plan.num_rows);
  return ProjectLast("final_norm", plan, output_norm_,
                     config_.tied_embeddings ? embedding_ : output_, logits);
}

Status DeepseekDecoder::CheckExpanded(const BatchPlan& plan) const {
  const auto& rows = plan.expanded_rows;
  if (expanded_prefill_ || std::count(rows.begin(), rows.end(), 0) == std::ssize(rows)) {
    return OkStatus();
  }
  return InvalidArgument("the batch asks for the expanded form of latent attention, for which the "
                         "model was not loaded; load it with expanded_prefill");
}

// The rows whose logits are wanted, normed, meet the vocabulary. The trace calls them `name`.
Status DeepseekDecoder::ProjectLast(const char* name, const BatchPlan& plan,
                                    const DeviceBuffer& norm, const PackedMatrix& output,
                                    absl::Span<float> logits) {
  if (plan.logits_rows.empty()) return OkStatus();
  const ConstMatrixView residual(residual_.data(), plan.num_rows, config_.hidden_dim);
  const MatrixView last = GatherLogitsRows(device_, plan, residual, normed_);
  RmsNorm(device_, last, norm.data(), config_.norm_eps, last);
  if (trace_ != nullptr) trace_->OnHidden(name, last);
  return ranks_->Project(device_, last, output,
                         MatrixView(logits.data(), last.rows, config_.vocabulary));
}

// Draft() may follow any token of the batch.
void DeepseekDecoder::KeepForDraft(int64_t num_rows) {
  const int64_t width = config_.hidden_dim;
  kept_rows_ = num_rows;
  RmsNorm(device_, ConstMatrixView(residual_.data(), num_rows, width), output_norm_.data(),
          config_.norm_eps, kept_.Reserve(device_, num_rows, width));
}

// The residual stream of Draft(): the projection of each token's embedding beside the hidden state
// before it, both normed.
Status DeepseekDecoder::CombineForDraft(absl::Span<const SequenceSlice> batch,
                                        const BatchPlan& plan) {
  const int64_t width = config_.hidden_dim;
  const MatrixView residual = residual_.Reserve(device_, plan.num_rows, width);
  const MatrixView pair = pair_.Reserve(device_, plan.num_rows, 2 * width);
  const MatrixView embedded(pair.data, plan.num_rows, width, pair.stride);
  const PackedMatrix& table = draft_->embedding.rows() > 0 ? draft_->embedding : embedding_;
  RETURN_IF_ERROR(ranks_->Embed(device_, table, plan.tokens, residual));
  RmsNorm(device_, residual, draft_->embedding_norm.data(), config_.norm_eps, embedded);
  int64_t row = 0;
  for (const SequenceSlice& slice : batch) {
    const auto count = static_cast<int64_t>(slice.tokens.size());
    RmsNorm(device_, ConstMatrixView(kept_.data() + slice.first_row * width, count, width),
            draft_->hidden_norm.data(), config_.norm_eps,
            MatrixView(pair.row(row) + width, count, width, pair.stride));
    row += count;
  }
  MatMul(device_, pair, draft_->projection,
         nullptr, residual);
  return OkStatus();
}

Status DeepseekDecoder::Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
                              absl::Span<float> logits) {
  if (!draft_) return Decoder::Draft(batch, cache, logits);
  RETURN_IF_ERROR(ValidateBatch(config_, kv_layout_, batch, cache, logits.size()));
  for (const SequenceSlice& slice : batch) {
    if (slice.first_row >= 0 &&
        slice.first_row <= kept_rows_ - static_cast<int64_t>(slice.tokens.size())) {
      continue;
    }
    return InvalidArgument("{} tokens are to follow rows from {}; the last batch had {}",
                           slice.tokens.size(), slice.first_row, kept_rows_);
  }
  const BatchPlan plan = PlanBatch(batch);
  RETURN_IF_ERROR(CheckExpanded(plan));
  if (plan.num_rows == 0 && !ranks_->plan().spreads_experts()) return OkStatus();
  RETURN_IF_ERROR(CombineForDraft(batch, plan));
  rope_.Compute(device_, plan.positions);
  BindLayer(config_.num_layers, batch, plan, cache, &kv_);
  RETURN_IF_ERROR(RunLayer(config_.num_layers, plan.num_rows, plan.expanded_rows));
  const PackedMatrix& own_output = config_.tied_embeddings ? embedding_ : output_;
  return ProjectLast("draft_norm", plan, draft_->output_norm,
                     draft_->output.rows() > 0 ? draft_->output : own_output, logits);
}

}  // namespace hadal::inference
