#include "inference/engine/model_runner.h"

namespace hadal::inference {

Status ModelRunner::Run(Batch& batch) {
  slices_.clear();
  drafted_.clear();
  size_t num_rows = 0;
  int32_t num_tokens = 0;
  for (ScheduledSlice& scheduled : batch) {
    const Sequence& sequence = *scheduled.sequence;
    absl::Span<const int32_t> tokens =
        absl::MakeConstSpan(sequence.tokens)
            .subspan(static_cast<size_t>(scheduled.position),
                     static_cast<size_t>(scheduled.num_tokens));
    if (!sequence.draft.empty()) {
      std::vector<int32_t>& both = drafted_.emplace_back(tokens.begin(), tokens.end());
      both.insert(both.end(), sequence.draft.begin(), sequence.draft.end());
      tokens = both;
    }
    slices_.push_back(
        {tokens, scheduled.position, sequence.blocks->blocks(), scheduled.num_logits(),
         sequence.expanded_tokens});
    scheduled.first_row = num_tokens;
    num_tokens += static_cast<int32_t>(tokens.size());
    num_rows += static_cast<size_t>(scheduled.num_logits());
  }
  logits_.resize(num_rows * static_cast<size_t>(decoder_->config().vocabulary));
  return decoder_->Forward(slices_, *cache_, absl::MakeSpan(logits_));
}

absl::Span<const float> ModelRunner::Logits(int32_t row) const {
  const auto vocabulary = static_cast<size_t>(decoder_->config().vocabulary);
  return absl::MakeConstSpan(logits_).subspan(static_cast<size_t>(row) * vocabulary, vocabulary);
}

}  // namespace hadal::inference
