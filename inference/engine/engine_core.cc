#include "inference/engine/engine_core.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "inference/sampling/logprobs.h"

namespace hadal::inference {

EngineCore::EngineCore(const EngineOptions& options, std::shared_ptr<Decoder> decoder,
                       std::shared_ptr<KvCache> cache, std::unique_ptr<Drafter> drafter,
                       std::shared_ptr<const Tokenizer> tokenizer,
                       std::shared_ptr<const Clock> clock)
    : tokenizer_(std::move(tokenizer)),
      clock_(std::move(clock)),
      expanded_prefill_(options.expanded_prefill),
      pool_(cache->num_blocks(), cache->block_size()),
      scheduler_({options.max_running, options.max_batch_tokens, options.speculation_rows,
                  drafter != nullptr ? drafter->max_length() : 0, options.aging_steps},
                 &pool_),
      runner_(std::move(decoder), std::move(cache)),
      drafter_(std::move(drafter)) {}

void EngineCore::Add(std::unique_ptr<Sequence> sequence) {
  if (expanded_prefill_ > 0) {
    const int32_t tokens = sequence->num_prompt() / expanded_prefill_ * expanded_prefill_;
    sequence->expanded_tokens = tokens;
    for (const auto& fork : sequence->forks) fork->expanded_tokens = tokens;
  }
  scheduler_.Add(std::move(sequence));
}

bool EngineCore::Step() {
  RetireAbandoned();
  Batch batch = scheduler_.Schedule();
  if (batch.empty()) return false;
  if (const Status ran = Run(batch); !ran.ok()) Fail(batch, ran);
  return true;
}

Status EngineCore::Run(Batch& batch) {
  if (drafter_ != nullptr) RETURN_IF_ERROR(drafter_->Guess(batch));
  RETURN_IF_ERROR(runner_.Run(batch));
  Publish(batch);
  return drafter_ != nullptr && !batch.empty() ? drafter_->Follow(batch) : OkStatus();
}

/// Cancelled by the reader, or past the deadline: out before the next batch.
void EngineCore::RetireAbandoned() {
  const absl::Time now = clock_->Now();
  const auto removed = scheduler_.RemoveIf([now](const Sequence& sequence) {
    return sequence.channel->cancelled(sequence.choice) || sequence.request.deadline <= now;
  });
  for (const auto& sequence : removed) {
    if (sequence->channel->cancelled(sequence->choice)) {
      Finish(*sequence, {FinishReason::kCancelled, OkStatus()});
    } else {
      Finish(*sequence,
             {FinishReason::kError,
              DeadlineExceeded("the request's deadline passed after {} of {} tokens",
                               sequence->num_generated(), sequence->request.sampling.max_tokens)});
    }
  }
}

/// Takes the tokens the logits of a batch that ran give. Sequences that end leave it.
void EngineCore::Publish(Batch& batch) {
  std::unordered_map<const Sequence*, Ending> endings;
  int32_t row = 0;
  for (const ScheduledSlice& slice : batch) {
    Sequence& sequence = *slice.sequence;
    sequence.num_computed += slice.num_tokens;
    if (slice.samples) {
      if (auto ending = Extend(sequence, row)) endings.emplace(&sequence, *std::move(ending));
    }
    row += slice.num_logits();
    if (sequence.shares_blocks()) {
      sequence.blocks->PublishComputed(sequence.prefix_key, sequence.tokens, sequence.num_computed,
                                       sequence.expanded_tokens);
    }
  }
  if (endings.empty()) return;
  std::erase_if(batch, [&endings](const ScheduledSlice& slice) {
    return endings.contains(slice.sequence);
  });
  const auto removed = scheduler_.RemoveIf(
      [&endings](const Sequence& sequence) { return endings.contains(&sequence); });
  for (const auto& sequence : removed) Finish(*sequence, endings.at(sequence.get()));
}

/// Samples from the rows of logits that begin at `row`: the next token, and as long as that is the
/// drafted one, the token after it. So a draft only saves forward passes; what is sampled, by
/// (seed, position), is the same without. The ending when the sequence ends.
std::optional<EngineCore::Ending> EngineCore::Extend(Sequence& sequence, int32_t row) {
  const std::vector<int32_t>& draft = sequence.draft;
  int32_t held = 0;
  std::optional<Ending> ending;
  while (true) {
    const StatusOr<int32_t> token = Sample(sequence, runner_.Logits(row + held));
    ending = token.ok() ? PublishToken(sequence, *token)
                        : Ending{FinishReason::kError, token.status()};
    const auto at = static_cast<size_t>(held);
    if (ending || at == draft.size() || *token != draft[at]) break;
    ++held;
    ++sequence.num_computed;
  }
  if (!draft.empty()) {
    sequence.draft_length->Learn(static_cast<int32_t>(draft.size()), held);
    drafted_tokens_ += static_cast<int64_t>(draft.size());
    accepted_tokens_ += held;
  }
  return ending;
}

StatusOr<int32_t> EngineCore::Sample(Sequence& sequence, absl::Span<const float> logits) {
  const SamplingParams& params = sequence.request.sampling;
  absl::Span<const float> adjusted = adjuster_.Adjust(logits, params, sequence.tokens,
                                                      static_cast<size_t>(sequence.num_prompt()));
  if (sequence.constraint) {
    ASSIGN_OR_RETURN(adjusted, Mask(*sequence.constraint, adjusted));
  }
  ASSIGN_OR_RETURN(const int32_t token,
                   sampler_.Sample(adjusted, params, static_cast<uint64_t>(sequence.num_tokens())));
  if (params.top_logprobs != SamplingParams::kNoLogprobs) {
    ASSIGN_OR_RETURN(TokenLogprobs logprobs,
                     LogprobsOf(device_, logits, token, params.top_logprobs));
    sequence.unsent_logprobs.push_back(std::move(logprobs));
  }
  return token;
}

/// `logits` with what the constraint forbids made impossible; valid until the next call.
StatusOr<absl::Span<const float>> EngineCore::Mask(ConstraintState& constraint,
                                                   absl::Span<const float> logits) {
  ASSIGN_OR_RETURN(const auto allowed, constraint.AllowedTokens());
  masked_logits_.assign(logits.begin(), logits.end());
  allowed->Apply(absl::MakeSpan(masked_logits_));
  return masked_logits_;
}

/// Appends `token` and shows its text. The ending when the sequence ends with it.
std::optional<EngineCore::Ending> EngineCore::PublishToken(Sequence& sequence, int32_t token) {
  ++generated_tokens_;
  sequence.tokens.push_back(token);
  sequence.unsent_tokens.push_back(token);
  if (sequence.constraint && !sequence.constraint->Accept(token)) {
    return Ending{FinishReason::kError,
                  Internal("token {} was chosen against the constraint", token)};
  }
  if (IsEndToken(token)) return Ending{FinishReason::kStop, OkStatus()};
  GenerateDelta delta;
  delta.choice = sequence.choice;
  delta.text = sequence.text.Append(tokenizer_->TokenBytes(token));
  if (!delta.text.empty()) {
    delta.token_ids = std::exchange(sequence.unsent_tokens, {});
    delta.logprobs = std::exchange(sequence.unsent_logprobs, {});
    if (!sequence.channel->Push(std::move(delta))) {
      return Ending{FinishReason::kError,
                    ResourceExhausted("the reader does not keep up with the stream; read it "
                                      "faster, or raise stream_capacity")};
    }
  }
  const bool complete = sequence.constraint && sequence.constraint->IsFinished();
  if (complete || sequence.text.stopped()) return Ending{FinishReason::kStop, OkStatus()};
  if (sequence.num_left() > 0) return std::nullopt;
  return Ending{FinishReason::kLength, OkStatus()};
}

void EngineCore::Fail(const Batch& batch, const Status& error) {
  std::unordered_set<const Sequence*> failed;
  for (const ScheduledSlice& slice : batch) failed.insert(slice.sequence);
  const auto removed = scheduler_.RemoveIf(
      [&failed](const Sequence& sequence) { return failed.contains(&sequence); });
  for (const auto& sequence : removed) Finish(*sequence, {FinishReason::kError, error});
}

void EngineCore::FailAll(const Status& error) {
  const auto removed = scheduler_.RemoveIf([](const Sequence&) { return true; });
  for (const auto& sequence : removed) Finish(*sequence, {FinishReason::kError, error});
}

/// Tells the reader of a sequence that has left the scheduler.
void EngineCore::Finish(Sequence& sequence, const Ending& ending) {
  GenerateDelta last;
  last.choice = sequence.choice;
  last.text = sequence.text.Finish();
  last.token_ids = std::move(sequence.unsent_tokens);
  last.logprobs = std::move(sequence.unsent_logprobs);
  last.finished = true;
  last.finish_reason = ending.reason;
  last.error = ending.error;
  last.usage.completion_tokens = sequence.num_generated();
  if (sequence.choice == 0) {
    last.usage.prompt_tokens = sequence.num_prompt();
    last.usage.cached_tokens = sequence.num_cached;
  }
  sequence.channel->Finish(std::move(last));
}

bool EngineCore::IsEndToken(int32_t token) const {
  const std::vector<int32_t>& end_tokens = tokenizer_->end_tokens();
  return std::find(end_tokens.begin(), end_tokens.end(), token) != end_tokens.end();
}

EngineStats EngineCore::stats() const {
  EngineStats stats;
  stats.running = scheduler_.num_running();
  stats.waiting = scheduler_.num_waiting();
  stats.free_blocks = pool_.num_free();
  stats.total_blocks = pool_.num_blocks();
  stats.prompt_tokens = scheduler_.prompt_tokens();
  stats.cached_tokens = scheduler_.cached_tokens();
  stats.generated_tokens = generated_tokens_;
  stats.drafted_tokens = drafted_tokens_;
  stats.accepted_tokens = accepted_tokens_;
  stats.preemptions = scheduler_.preemptions();
  return stats;
}

}  // namespace hadal::inference
