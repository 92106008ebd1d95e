#include "inference/engine/scheduler.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "base/check.h"

namespace hadal::inference {
namespace {

void AddSlice(Sequence& sequence, int32_t& budget, Batch& batch) {
  const int32_t num_tokens = std::min(budget, sequence.num_pending());
  if (num_tokens == 0) return;
  budget -= num_tokens;
  batch.push_back(
      {&sequence, sequence.num_computed, num_tokens, num_tokens == sequence.num_pending()});
}

}  // namespace

void Scheduler::Add(std::unique_ptr<Sequence> sequence) {
  const GenerateRequest& request = sequence->request;
  const int64_t arrival = arrivals_++;
  // The first byte keeps the two kinds apart: nobody can name a request's own key.
  std::string prefix_key;
  if (!request.cache_namespace.empty()) {
    prefix_key = "n" + request.cache_namespace;
  } else if (request.n > 1) {
    prefix_key = "r" + std::to_string(arrival);
  }
  const auto enter = [&](Sequence& choice) {
    shares_.Enter(request.tenant);
    choice.arrival = arrival;
    choice.prefix_key = prefix_key;
  };
  enter(*sequence);
  for (const auto& fork : sequence->forks) enter(*fork);
  waiting_.Add(std::move(sequence));
}

Batch Scheduler::Schedule() {
  waiting_.Tick();
  for (const auto& sequence : running_) ChargeGenerated(*sequence);
  GiveRoomToDecodes();
  std::vector<Sequence*> leaders;
  for (const auto& sequence : running_) {
    if (!sequence->forks.empty() && sequence->prompt_computed()) leaders.push_back(sequence.get());
  }
  for (Sequence* const leader : leaders) StartForks(*leader);
  Batch batch;
  int32_t budget = limits_.max_batch_tokens;
  for (const auto& sequence : running_) {
    if (sequence->num_pending() == 1) AddSlice(*sequence, budget, batch);
  }
  for (const auto& sequence : running_) {
    if (sequence->num_pending() > 1) AddSlice(*sequence, budget, batch);
  }
  while (budget > 0) {
    Sequence* const admitted = AdmitNext();
    if (admitted == nullptr) break;
    AddSlice(*admitted, budget, batch);
  }
  AddDrafts(budget, batch);
  CHECK(!batch.empty() || num_running() + num_waiting() == 0);
  return batch;
}

/// In order, each running sequence gets blocks for all its tokens, if need be from the last.
void Scheduler::GiveRoomToDecodes() {
  for (size_t i = 0; i < running_.size(); ++i) {
    while (i < running_.size() && !running_[i]->blocks->Grow(running_[i]->num_tokens())) {
      CHECK(running_.size() > 1);  // alone, a request fits: Submit() refused it otherwise
      PreemptLast();
    }
  }
}

/// Guesses for sequences that generate, in their order: only as far as tokens are left to generate
/// (Submit() made sure that so many fit the cache) and blocks are free without taking another's.
void Scheduler::AddDrafts(int32_t budget, Batch& batch) {
  const auto rows = std::count_if(batch.begin(), batch.end(),
                                  [](const ScheduledSlice& slice) { return slice.samples; });
  budget = std::min(budget, limits_.speculation_rows - static_cast<int32_t>(rows));
  for (ScheduledSlice& slice : batch) {
    Sequence& sequence = *slice.sequence;
    sequence.draft.clear();
    const int32_t limit = std::min(budget, sequence.num_left() - 1);
    // With little memory left, a guess would cost others theirs in the next step.
    if (limit <= 0 || !slice.samples || slice.num_tokens > 1 ||
        pool_->num_free() <= num_running()) {
      continue;
    }
    budget -= AddDraft(limit, slice);
  }
}

/// A guess from the sequence itself, or room for the drafter's. Returns the rows it may take.
int32_t Scheduler::AddDraft(int32_t limit, ScheduledSlice& slice) {
  Sequence& sequence = *slice.sequence;
  sequence.draft = sequence.lookup.Guess(sequence.tokens, limit);
  sequence.draft_length = &sequence.lookup.length();
  auto size = static_cast<int32_t>(sequence.draft.size());
  if (size == 0 && limits_.drafter_length > 0) {
    sequence.draft_length = &sequence.drafter_length;
    size = std::min({limit, limits_.drafter_length, sequence.drafter_length.Next()});
    slice.draft_room = size;
  }
  if (sequence.blocks->Grow(sequence.num_tokens() + size)) return size;
  sequence.draft.clear();
  slice.draft_room = 0;
  return 0;
}

/// Starts the one whose turn it is; nullptr when nobody waits or there is no room for it.
Sequence* Scheduler::AdmitNext() {
  if (num_running() >= limits_.max_running) return nullptr;
  Sequence* const next = waiting_.Next();
  if (next == nullptr || !ReserveBlocks(*next)) return nullptr;
  std::unique_ptr<Sequence> taken = waiting_.TakeNext(*next);
  if (!next->admitted) {
    next->admitted = true;
    next->num_cached = next->num_computed;
    prompt_tokens_ += next->num_prompt();
    cached_tokens_ += next->num_cached;
    shares_.Charge(next->request.tenant, next->num_prompt() - next->num_cached, 0);
  }
  return Run(std::move(taken));
}

/// Blocks for all tokens of a sequence that is to start, those of its prefix in the cache included.
/// False when too few are free.
bool Scheduler::ReserveBlocks(Sequence& sequence) {
  sequence.blocks.emplace(pool_, sequence.keeps_blocks());
  if (sequence.shares_blocks()) {
    // The last token always runs: its logits are what comes next.
    sequence.num_computed = sequence.blocks->TakePrefix(
        sequence.prefix_key, absl::MakeConstSpan(sequence.tokens).first(sequence.tokens.size() - 1),
        sequence.expanded_tokens);
  }
  // A free block for every running sequence, or the newcomer is soon preempted again.
  if (sequence.blocks->Grow(sequence.num_tokens()) && pool_->num_free() >= num_running()) {
    sequence.num_drafter_computed = sequence.num_computed;  // blocks are filled in both caches
    return true;
  }
  sequence.blocks.reset();
  sequence.num_computed = 0;
  return false;
}

/// Puts a sequence with its blocks behind those that are as urgent.
Sequence* Scheduler::Run(std::unique_ptr<Sequence> sequence) {
  const auto place = std::upper_bound(
      running_.begin(), running_.end(), sequence->urgency,
      [](int64_t urgency, const auto& running) { return urgency > running->urgency; });
  return running_.insert(place, std::move(sequence))->get();
}

/// The other choices of a request whose first one has run the prompt, or leaves: then the next one
/// runs it.
void Scheduler::StartForks(Sequence& leader) {
  std::vector<std::unique_ptr<Sequence>> forks = std::exchange(leader.forks, {});
  if (forks.empty()) return;
  for (const auto& fork : forks) {
    fork->admitted = leader.admitted;
    fork->waits_since = leader.waits_since;
    fork->urgency = leader.urgency;
  }
  if (!leader.prompt_computed()) {
    std::unique_ptr<Sequence> next = std::move(forks.front());
    next->forks.assign(std::make_move_iterator(forks.begin() + 1),
                       std::make_move_iterator(forks.end()));
    waiting_.Return(std::move(next));
    return;
  }
  for (auto& fork : forks) {
    if (num_running() < limits_.max_running && ReserveBlocks(*fork)) {
      Run(std::move(fork));
    } else {
      waiting_.Return(std::move(fork));
    }
  }
}

void Scheduler::PreemptLast() {
  std::unique_ptr<Sequence> victim = std::move(running_.back());
  running_.pop_back();
  victim->blocks.reset();
  victim->num_computed = 0;
  waiting_.Return(std::move(victim));
  ++preemptions_;
}

/// Its tenant pays for the tokens since the last call.
void Scheduler::ChargeGenerated(Sequence& sequence) {
  const int32_t generated = sequence.num_generated();
  shares_.Charge(sequence.request.tenant, 0, generated - sequence.num_charged);
  sequence.num_charged = generated;
}

/// What is left to do for a sequence that was taken out.
void Scheduler::Release(Sequence& sequence) {
  StartForks(sequence);
  sequence.blocks.reset();
  ChargeGenerated(sequence);
  shares_.Leave(sequence.request.tenant);
}

}  // namespace hadal::inference
