#include <algorithm>
#include <utility>
#include <vector>

#include "inference/engine/drafter.h"
#include "inference/sampling/sampler.h"

namespace hadal::inference {
namespace {

class ModelDrafter final : public Drafter {
 public:
  ModelDrafter(std::shared_ptr<Decoder> decoder, std::shared_ptr<KvCache> cache)
      : decoder_(std::move(decoder)), cache_(std::move(cache)) {}

  int32_t max_length() const override { return DraftLength::kMost; }

  /// First runs the tokens that this model has not seen, then drafts grow by one token a round.
  Status Guess(const Batch& batch) override {
    parts_.clear();
    for (const ScheduledSlice& slice : batch) {
      Sequence& sequence = *slice.sequence;
      // What was drafted and did not hold is in the cache, and is not the sequence's.
      sequence.num_drafter_computed =
          std::min(sequence.num_drafter_computed, sequence.num_computed);
      const bool generates = slice.samples && slice.num_tokens == 1;
      if (generates && slice.draft_room == 0) continue;  // it catches up when it may draft again
      const auto begin = sequence.tokens.begin();
      parts_.push_back({&sequence,
                        {begin + sequence.num_drafter_computed,
                         begin + sequence.num_computed + slice.num_tokens},
                        slice.draft_room});
    }
    while (!parts_.empty()) {
      RETURN_IF_ERROR(Run());
      ExtendDrafts();
    }
    return OkStatus();
  }

  Status Follow(const Batch&) override { return OkStatus(); }

 private:
  struct Part {
    Sequence* sequence;
    std::vector<int32_t> tokens;  ///< to run next
    int32_t room;                 ///< tokens that may still be drafted
  };

  Status Run() {
    slices_.clear();
    size_t rows = 0;
    for (Part& part : parts_) {
      // Of padded vocabularies one may be smaller; a wrong token only makes the guess worse.
      for (int32_t& token : part.tokens) token = token < vocabulary() ? token : 0;
      slices_.push_back({part.tokens, part.sequence->num_drafter_computed,
                         part.sequence->blocks->blocks(), part.room > 0 ? 1 : 0});
      rows += part.room > 0 ? 1 : 0;
    }
    logits_.resize(rows * static_cast<size_t>(vocabulary()));
    return decoder_->Forward(slices_, *cache_, absl::MakeSpan(logits_));
  }

  void ExtendDrafts() {
    std::vector<Part> next;
    absl::Span<const float> left = logits_;
    for (const Part& part : parts_) {
      Sequence& sequence = *part.sequence;
      sequence.num_drafter_computed += static_cast<int32_t>(part.tokens.size());
      if (part.room == 0) continue;
      // Drawn as the model itself will draw: by the same random number.
      const auto position = static_cast<uint64_t>(sequence.num_tokens()) + sequence.draft.size();
      const StatusOr<int32_t> token = sampler_.Sample(left.first(static_cast<size_t>(vocabulary())),
                                                      sequence.request.sampling, position);
      left.remove_prefix(static_cast<size_t>(vocabulary()));
      if (!token.ok()) continue;
      sequence.draft.push_back(*token);
      if (part.room > 1) next.push_back({&sequence, {*token}, part.room - 1});
    }
    parts_ = std::move(next);
  }

  int32_t vocabulary() const { return decoder_->config().vocabulary; }

  const std::shared_ptr<Decoder> decoder_;
  const std::shared_ptr<KvCache> cache_;
  Sampler sampler_;
  std::vector<Part> parts_;
  std::vector<SequenceSlice> slices_;
  std::vector<float> logits_;  ///< [parts with room, vocabulary]
};

}  // namespace

std::unique_ptr<Drafter> MakeModelDrafter(std::shared_ptr<Decoder> decoder,
                                          std::shared_ptr<KvCache> cache) {
  return std::make_unique<ModelDrafter>(std::move(decoder), std::move(cache));
}

}  // namespace hadal::inference
