#include <utility>
#include <vector>

#include "inference/engine/drafter.h"
#include "inference/sampling/sampler.h"

namespace hadal::inference {
namespace {

class PredictionLayerDrafter final : public Drafter {
 public:
  PredictionLayerDrafter(std::shared_ptr<Decoder> decoder, std::shared_ptr<KvCache> cache)
      : decoder_(std::move(decoder)), cache_(std::move(cache)) {}

  int32_t max_length() const override { return 1; }

  Status Guess(const Batch& batch) override {
    for (const ScheduledSlice& slice : batch) {
      Sequence& sequence = *slice.sequence;
      if (slice.draft_room > 0 && sequence.predicted) sequence.draft = {*sequence.predicted};
    }
    return OkStatus();
  }

  /// Shows the layer every token that the model has run, each beside the one that follows it.
  Status Follow(const Batch& batch) override {
    slices_.clear();
    size_t rows = 0;
    for (const ScheduledSlice& scheduled : batch) {
      const Sequence& sequence = *scheduled.sequence;
      SequenceSlice slice;
      slice.position = scheduled.position;
      slice.tokens = absl::MakeConstSpan(sequence.tokens)
                         .subspan(static_cast<size_t>(scheduled.position) + 1,
                                  static_cast<size_t>(sequence.num_computed - scheduled.position));
      slice.block_table = sequence.blocks->blocks();
      slice.num_logits = scheduled.samples ? 1 : 0;
      slice.first_row = scheduled.first_row;
      rows += static_cast<size_t>(slice.num_logits);
      slices_.push_back(slice);
    }
    const auto vocabulary = static_cast<size_t>(decoder_->config().vocabulary);
    logits_.resize(rows * vocabulary);
    RETURN_IF_ERROR(decoder_->Draft(slices_, *cache_, absl::MakeSpan(logits_)));
    absl::Span<const float> left = logits_;
    for (const ScheduledSlice& slice : batch) {
      slice.sequence->predicted.reset();
      if (!slice.samples) continue;
      slice.sequence->predicted = GuessFrom(left.first(vocabulary), *slice.sequence);
      left.remove_prefix(vocabulary);
    }
    return OkStatus();
  }

 private:
  std::optional<int32_t> GuessFrom(absl::Span<const float> logits, const Sequence& sequence) {
    const StatusOr<int32_t> token = sampler_.Sample(logits, sequence.request.sampling,
                                                    static_cast<uint64_t>(sequence.num_tokens()));
    return token.ok() ? std::optional(*token) : std::nullopt;
  }

  const std::shared_ptr<Decoder> decoder_;
  const std::shared_ptr<KvCache> cache_;
  Sampler sampler_;
  std::vector<SequenceSlice> slices_;
  std::vector<float> logits_;  ///< [sequences that generate, vocabulary]
};

}  // namespace

DecoderOptions DecoderOptionsFor(const Checkpoint& checkpoint, const EngineOptions& options) {
  const ModelConfig& config = checkpoint.config();
  DecoderOptions decoder;
  decoder.kv_dtype = options.kv_dtype;
  decoder.expanded_prefill = options.expanded_prefill > 0;
  // Some published files say that there is a layer, and leave it out.
  decoder.draft = options.speculation_rows > 0 && options.draft.empty() &&
                  config.num_nextn_layers > 0 &&
                  checkpoint.Has(fmt::format("blk.{}.nextn.eh_proj.weight", config.num_layers));
  return decoder;
}

std::unique_ptr<Drafter> MakePredictionLayerDrafter(std::shared_ptr<Decoder> decoder,
                                                    std::shared_ptr<KvCache> cache) {
  return std::make_unique<PredictionLayerDrafter>(std::move(decoder), std::move(cache));
}

}  // namespace hadal::inference
