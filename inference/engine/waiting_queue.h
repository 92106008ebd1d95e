#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inference/engine/fair_share.h"
#include "inference/engine/sequence.h"

namespace hadal::inference {

/// Sequences that wait, in lines: one per tenant and priority, first come first served. Of the
/// heads of the lines it is the turn of the most urgent; then of one that ran before; then of the
/// tenant that was served least; then of the one that came first. A head gets more urgent by one
/// class for every `aging_steps` steps it waits, without end, and newcomers start from their
/// priority: so everyone's turn comes. In a line it is the head that waits, since its predecessor
/// left: a tenant's long line makes none of it urgent. Thread-compatible: confined to the engine
/// thread.
class WaitingQueue {
 public:
  /// `shares` outlives the queue and knows the tenants of all that wait.
  WaitingQueue(int32_t aging_steps, const FairShare* shares)
      : aging_steps_(aging_steps), shares_(shares) {}

  /// A step passes: everyone waits for one more.
  void Tick() { ++step_; }

  /// A newcomer: the last of its line.
  void Add(std::unique_ptr<Sequence> sequence);
  /// One that was not to wait any more, at the place of its arrival.
  void Return(std::unique_ptr<Sequence> sequence);

  /// Whose turn it is, with its `urgency` set; nullptr when nobody waits.
  Sequence* Next();
  /// Takes out what Next() returned.
  std::unique_ptr<Sequence> TakeNext(const Sequence& next);

  /// Moves the sequences for which `leaves(sequence)` holds to `removed`.
  template <typename Predicate>
  void TakeIf(Predicate& leaves, std::vector<std::unique_ptr<Sequence>>& removed) {
    for (auto& [key, line] : lines_) MoveIf(line.sequences, leaves, removed);
    std::erase_if(lines_, [](const auto& entry) { return entry.second.sequences.empty(); });
  }

  int32_t size() const;
  /// Of those waiting, the ones that never ran.
  int32_t num_new() const;

 private:
  using Key = std::pair<std::string, int32_t>;  ///< tenant, priority
  struct Line {
    std::deque<std::unique_ptr<Sequence>> sequences;  ///< by arrival; never empty
    int64_t served_at = 0;                            ///< the step its last head left
  };

  static Key KeyOf(const Sequence& sequence) {
    return {sequence.request.tenant, sequence.request.priority};
  }
  int64_t WaitsSince(const Sequence& head, const Line& line) const;

  const int32_t aging_steps_;
  const FairShare* const shares_;
  std::map<Key, Line> lines_;
  int64_t step_ = 0;
};

}  // namespace hadal::inference
