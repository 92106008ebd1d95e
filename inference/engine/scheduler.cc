#include "inference/engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace hadal::inference {
namespace {

void AddSlice(Sequence& sequence, int32_t& budget, Batch& batch) {
  const int32_t num_tokens = std::min(budget, sequence.num_pending());
  if (num_tokens == 0) return;
  budget -= num_tokens;
  batch.push_back({&sequence, num_tokens, num_tokens == sequence.num_pending()});
}

}  // namespace

Batch Scheduler::Schedule() {
  GiveRoomToDecodes();
  Batch batch;
  int32_t budget = limits_.max_batch_tokens;
  for (const auto& sequence : running_) {
    if (sequence->num_pending() == 1) AddSlice(*sequence, budget, batch);
  }
  for (const auto& sequence : running_) {
    if (sequence->num_pending() > 1) AddSlice(*sequence, budget, batch);
  }
  while (budget > 0 && AdmitNext()) AddSlice(*running_.back(), budget, batch);
  AddDrafts(budget, batch);
  CHECK(!batch.empty() || (running_.empty() && waiting_.empty()));
  return batch;
}

/// Oldest first, each running sequence gets blocks for all its tokens, if need be from the
/// youngest.
void Scheduler::GiveRoomToDecodes() {
  for (size_t i = 0; i < running_.size(); ++i) {
    while (i < running_.size() && !running_[i]->blocks->Grow(running_[i]->num_tokens())) {
      CHECK(running_.size() > 1);  // alone, a request fits: Submit() refused it otherwise
      PreemptYoungest();
    }
  }
}

/// Guesses for sequences that generate, oldest first: only as far as tokens are left to generate
/// (Submit() made sure that so many fit the cache) and blocks are free without taking another's.
void Scheduler::AddDrafts(int32_t budget, Batch& batch) {
  const auto rows = std::count_if(batch.begin(), batch.end(),
                                  [](const ScheduledSlice& slice) { return slice.samples; });
  budget = std::min(budget, limits_.speculation_rows - static_cast<int32_t>(rows));
  for (ScheduledSlice& slice : batch) {
    Sequence& sequence = *slice.sequence;
    sequence.draft.clear();
    const int32_t limit = std::min(budget, sequence.num_left() - 1);
    if (limit <= 0 || !slice.samples || slice.num_tokens > 1) continue;
    sequence.draft = sequence.lookup.Guess(sequence.tokens, limit);
    const auto size = static_cast<int32_t>(sequence.draft.size());
    // With little memory left, a guess would cost others theirs in the next step.
    if (pool_->num_free() <= num_running() ||
        !sequence.blocks->Grow(sequence.num_tokens() + size)) {
      sequence.draft.clear();
    }
    budget -= static_cast<int32_t>(sequence.draft.size());
  }
}

bool Scheduler::AdmitNext() {
  if (waiting_.empty() || num_running() >= limits_.max_running) return false;
  Sequence& next = *waiting_.front();
  next.blocks.emplace(pool_);
  if (next.shares_blocks()) {
    // The last token always runs: its logits are what comes next.
    next.num_computed =
        next.blocks->TakePrefix(next.request.cache_namespace,
                                absl::MakeConstSpan(next.tokens).first(next.tokens.size() - 1),
                                next.expanded_tokens);
  }
  // A free block for every running sequence, or the newcomer is soon preempted again.
  if (!next.blocks->Grow(next.num_tokens()) || pool_->num_free() < num_running()) {
    next.blocks.reset();
    next.num_computed = 0;
    return false;
  }
  if (!next.admitted) {
    next.admitted = true;
    next.num_cached = next.num_computed;
    prompt_tokens_ += next.num_prompt();
    cached_tokens_ += next.num_cached;
  }
  running_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  return true;
}

void Scheduler::PreemptYoungest() {
  Sequence& victim = *running_.back();
  victim.blocks.reset();
  victim.num_computed = 0;
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  ++preemptions_;
}

int32_t Scheduler::num_new() const {
  return static_cast<int32_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [](const auto& sequence) { return !sequence->admitted; }));
}

}  // namespace hadal::inference
