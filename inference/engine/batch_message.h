#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/comm/communicator.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

/// What the leader of a rank group tells the followers: run this batch, a sign of life, or leave.
/// A row of int32, so that it is the same over every transport. Thread-compatible.
class BatchMessage {
 public:
  static BatchMessage Run(int32_t model, absl::Span<const SequenceSlice> batch,
                          const KvCache& cache);
  static BatchMessage Tick();
  static BatchMessage Leave();

  /// The leader's (rank 0's) side, and the others'. Errors are those of Communicator.
  Status Broadcast(Communicator& ranks) const;
  static StatusOr<BatchMessage> Receive(Communicator& ranks);

  bool says_run() const { return words_[0] == kRun; }
  bool says_leave() const { return words_[0] == kLeave; }
  int32_t model() const { return words_[2]; }
  int32_t num_blocks() const { return words_[3]; }
  int32_t block_size() const { return words_[4]; }
  /// The batch; it refers to this object. INTERNAL when the words are no batch.
  StatusOr<std::vector<SequenceSlice>> Slices() const;

 private:
  enum : int32_t { kTick = 0, kRun = 1, kLeave = 2 };
  explicit BatchMessage(int32_t kind) : words_{kind, 5, 0, 0, 0} {}
  /// kind, number of words, model, blocks and block size of the cache; per slice: tokens, position,
  /// logits, blocks, expanded tokens, and then the tokens and the blocks.
  std::vector<int32_t> words_;
};

}  // namespace hadal::inference
