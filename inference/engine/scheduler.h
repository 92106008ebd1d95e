#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "inference/engine/fair_share.h"
#include "inference/engine/sequence.h"
#include "inference/engine/waiting_queue.h"
#include "inference/kv/block_pool.h"

namespace hadal::inference {

/// A sequence's part of one step: its next `num_tokens` pending tokens, then its draft.
struct ScheduledSlice {
  Sequence* sequence = nullptr;
  int32_t position = 0;  ///< of the first one
  int32_t num_tokens = 0;
  bool samples = false;    ///< nothing is pending after it: the next token follows
  int32_t draft_room = 0;  ///< tokens a Drafter may guess; 0 where there is a draft
  int32_t first_row = 0;   ///< of the batch that the decoder ran: its first token

  /// Rows of logits: one for the next token, and one for what follows each drafted one.
  int32_t num_logits() const {
    return samples ? 1 + static_cast<int32_t>(sequence->draft.size()) : 0;
  }
};
using Batch = std::vector<ScheduledSlice>;

struct SchedulerLimits {
  int32_t max_running = 0;
  int32_t max_batch_tokens = 0;  ///< at least max_running, so that every decode fits a step
  int32_t speculation_rows = 0;  ///< sequences that generate, and guesses, of one step
  int32_t drafter_length = 0;    ///< tokens a Drafter guesses ahead; 0: there is none
  int32_t aging_steps = 0;       ///< a wait of so many steps counts as one priority more
};

/// Decides what runs in each step. Sequences that generate get their token first; what is left of
/// the step's budget goes to prompts in chunks, in the order of those running, then to drafts. That
/// order is by urgency (WaitingQueue: priority and age), then by who started first. Whose turn it
/// is among those waiting starts when blocks for all its tokens are free: a newcomer takes no
/// one's. When one that generates finds no free block, the last of the order gives up its blocks,
/// waits, and later runs all its tokens again. The first is never preempted, and tokens are never
/// lost: so a preemption follows a generated token, there are only so many, and somebody always
/// moves on. Of a request with several choices the first runs the prompt; then the others start,
/// as far as there is room, and share its full blocks. Thread-compatible: confined to the engine
/// thread.
class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, BlockPool* pool)
      : limits_(limits), pool_(pool), waiting_(limits.aging_steps, &shares_) {}

  void Add(std::unique_ptr<Sequence> sequence);

  /// Empty only when there is no sequence. Every sequence in it has its blocks.
  Batch Schedule();

  /// Takes out the sequences for which `leaves(sequence)` holds; their blocks are free. Where it is
  /// the one that others of its request wait for, these start, or the next runs the prompt.
  template <typename Predicate>
  std::vector<std::unique_ptr<Sequence>> RemoveIf(Predicate&& leaves) {
    std::vector<std::unique_ptr<Sequence>> removed;
    MoveIf(running_, leaves, removed);
    waiting_.TakeIf(leaves, removed);
    for (const auto& sequence : removed) Release(*sequence);
    return removed;
  }

  int32_t num_running() const { return static_cast<int32_t>(running_.size()); }
  int32_t num_waiting() const { return waiting_.size(); }
  /// Of those waiting, the ones that never ran.
  int32_t num_new() const { return waiting_.num_new(); }
  int64_t preemptions() const { return preemptions_; }
  /// Of all requests when they first ran.
  int64_t prompt_tokens() const { return prompt_tokens_; }
  int64_t cached_tokens() const { return cached_tokens_; }

 private:
  void GiveRoomToDecodes();
  void AddDrafts(int32_t budget, Batch& batch);
  int32_t AddDraft(int32_t limit, ScheduledSlice& slice);
  Sequence* AdmitNext();
  bool ReserveBlocks(Sequence& sequence);
  Sequence* Run(std::unique_ptr<Sequence> sequence);
  void StartForks(Sequence& leader);
  void PreemptLast();
  void ChargeGenerated(Sequence& sequence);
  void Release(Sequence& sequence);

  const SchedulerLimits limits_;
  BlockPool* const pool_;
  FairShare shares_;
  std::deque<std::unique_ptr<Sequence>> running_;  ///< by urgency, then by when they started
  WaitingQueue waiting_;
  int64_t arrivals_ = 0;
  int64_t preemptions_ = 0;
  int64_t prompt_tokens_ = 0;
  int64_t cached_tokens_ = 0;
};

}  // namespace hadal::inference
