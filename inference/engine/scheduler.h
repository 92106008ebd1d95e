#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "inference/engine/sequence.h"
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
};

/// Decides what runs in each step, first come first served. Sequences that generate get their token
/// first; what is left of the step's budget goes to prompts in chunks, oldest first, then to
/// drafts. A sequence
/// starts when blocks for all its tokens are free. When one that generates finds no free block, the
/// youngest running sequence gives up its blocks, waits first in line, and later runs all its
/// tokens again. The oldest one is never preempted, so that somebody always moves on.
/// Thread-compatible: confined to the engine thread.
class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, BlockPool* pool) : limits_(limits), pool_(pool) {}

  void Add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }

  /// Empty only when there is no sequence. Every sequence in it has its blocks.
  Batch Schedule();

  /// Takes out the sequences for which `leaves(sequence)` holds; their blocks are free.
  template <typename Predicate>
  std::vector<std::unique_ptr<Sequence>> RemoveIf(Predicate&& leaves) {
    std::vector<std::unique_ptr<Sequence>> removed;
    TakeIf(running_, leaves, removed);
    TakeIf(waiting_, leaves, removed);
    for (const auto& sequence : removed) sequence->blocks.reset();
    return removed;
  }

  int32_t num_running() const { return static_cast<int32_t>(running_.size()); }
  int32_t num_waiting() const { return static_cast<int32_t>(waiting_.size()); }
  /// Of those waiting, the ones that never ran.
  int32_t num_new() const;
  int64_t preemptions() const { return preemptions_; }
  /// Of all sequences when they first ran.
  int64_t prompt_tokens() const { return prompt_tokens_; }
  int64_t cached_tokens() const { return cached_tokens_; }

 private:
  using Sequences = std::deque<std::unique_ptr<Sequence>>;

  template <typename Predicate>
  static void TakeIf(Sequences& from, Predicate& leaves,
                     std::vector<std::unique_ptr<Sequence>>& removed) {
    Sequences kept;
    for (auto& sequence : from) {
      if (leaves(*sequence)) {
        removed.push_back(std::move(sequence));
      } else {
        kept.push_back(std::move(sequence));
      }
    }
    from = std::move(kept);
  }

  void GiveRoomToDecodes();
  void AddDrafts(int32_t budget, Batch& batch);
  int32_t AddDraft(int32_t limit, ScheduledSlice& slice);
  bool AdmitNext();
  void PreemptYoungest();

  const SchedulerLimits limits_;
  BlockPool* const pool_;
  // Both by age: whoever runs is older than everyone who waits.
  Sequences running_;
  Sequences waiting_;
  int64_t preemptions_ = 0;
  int64_t prompt_tokens_ = 0;
  int64_t cached_tokens_ = 0;
};

}  // namespace hadal::inference
