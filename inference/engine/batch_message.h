#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/comm/communicator.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// What the leader of a rank group tells the followers. A row of int32, so that it is the same over
/// every transport. Thread-compatible.
class BatchMessage {
 public:
  enum class Kind : int32_t {
    kTick,      ///< a sign of life
    kRun,       ///< Decoder::Forward() of this batch
    kDraft,     ///< Decoder::Draft() of it
    kSumLoads,  ///< PlacedExperts::SumLoads()
    kMove,      ///< PlacedExperts::BeginMove()
    kSettle,    ///< PlacedExperts::SettleMove()
    kLeave,     ///< the last message
  };

  /// `kind`: kRun or kDraft.
  static BatchMessage Run(Kind kind, int32_t model, absl::Span<const SequenceSlice> batch,
                          const KvCache& cache);
  static BatchMessage Tick() { return BatchMessage(Kind::kTick); }
  static BatchMessage SumLoads(int32_t model) { return BatchMessage(Kind::kSumLoads, model); }
  static BatchMessage Move(int32_t model, int32_t layer, const ExpertPlacement& placement);
  static BatchMessage Settle(int32_t model) { return BatchMessage(Kind::kSettle, model); }
  static BatchMessage Leave() { return BatchMessage(Kind::kLeave); }

  /// The leader's (rank 0's) side, and the others'. Errors are those of Communicator.
  Status Broadcast(Communicator& ranks) const;
  static StatusOr<BatchMessage> Receive(Communicator& ranks);

  Kind kind() const { return static_cast<Kind>(words_[0]); }
  /// Of every kind but kTick and kLeave.
  int32_t model() const { return words_[2]; }
  /// Of kRun and kDraft.
  int32_t num_blocks() const { return words_[3]; }
  int32_t block_size() const { return words_[4]; }
  /// The batch; it refers to this object. INTERNAL when the words are no batch.
  StatusOr<std::vector<SequenceSlice>> Slices() const;
  /// Of kMove. INTERNAL when the words are no lists of experts.
  int32_t layer() const { return words_[3]; }
  StatusOr<ExpertPlacement> Placement() const;

 private:
  explicit BatchMessage(Kind kind, int32_t model = 0)
      : words_{static_cast<int32_t>(kind), 5, model, 0, 0} {}
  /// kind, number of words, model, and two words of the kind. kRun, kDraft: blocks and block size
  /// of the cache; per slice: tokens, position, logits, expanded tokens, first row, blocks, and
  /// then the tokens and the blocks. kMove: the layer; per rank: experts, and then the experts.
  std::vector<int32_t> words_;
};

}  // namespace hadal::inference
