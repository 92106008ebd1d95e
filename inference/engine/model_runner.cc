#include "inference/engine/model_runner.h"

namespace hadal::inference {

Status ModelRunner::Run(const Batch& batch) {
  slices_.clear();
  size_t num_rows = 0;
  for (const ScheduledSlice& scheduled : batch) {
    const Sequence& sequence = *scheduled.sequence;
    slices_.push_back({absl::MakeConstSpan(sequence.tokens)
                           .subspan(static_cast<size_t>(sequence.num_computed),
                                    static_cast<size_t>(scheduled.num_tokens)),
                       sequence.num_computed, sequence.blocks->blocks(),
                       scheduled.samples ? 1 : 0});
    num_rows += scheduled.samples;
  }
  logits_.resize(num_rows * static_cast<size_t>(decoder_->config().vocabulary));
  return decoder_->Forward(slices_, *cache_, absl::MakeSpan(logits_));
}

absl::Span<const float> ModelRunner::Logits(int32_t row) const {
  const auto vocabulary = static_cast<size_t>(decoder_->config().vocabulary);
  return absl::MakeConstSpan(logits_).subspan(static_cast<size_t>(row) * vocabulary, vocabulary);
}

}  // namespace hadal::inference
