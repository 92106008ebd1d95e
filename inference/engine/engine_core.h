#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "inference/engine.h"
#include "inference/engine/drafter.h"
#include "inference/engine/model_runner.h"
#include "inference/engine/scheduler.h"
#include "inference/sampling/logit_adjuster.h"
#include "inference/sampling/sampler.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

/// All state of the engine thread, and its main path. Knows nothing of threads or queues, so that a
/// test can take it step by step. Thread-compatible: confined to the engine thread.
class EngineCore {
 public:
  /// `drafter` may be null.
  EngineCore(const EngineOptions& options, std::shared_ptr<Decoder> decoder,
             std::shared_ptr<KvCache> cache, std::unique_ptr<Drafter> drafter,
             std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const Clock> clock);

  /// `sequence` passed the checks of Engine::Submit().
  void Add(std::unique_ptr<Sequence> sequence);

  /// One forward pass and what comes before and after it. False when nothing was left to do.
  bool Step();

  /// Ends every sequence with `error`.
  void FailAll(const Status& error);

  EngineStats stats() const;
  /// Sequences that wait and never ran.
  int32_t backlog() const { return scheduler_.num_new(); }

 private:
  struct Ending {
    FinishReason reason;
    Status error;
  };

  void RetireAbandoned();
  Status Run(Batch& batch);
  void Publish(Batch& batch);
  std::optional<Ending> Extend(Sequence& sequence, int32_t row);
  StatusOr<int32_t> Sample(Sequence& sequence, absl::Span<const float> logits);
  StatusOr<absl::Span<const float>> Mask(ConstraintState& constraint,
                                         absl::Span<const float> logits);
  std::optional<Ending> PublishToken(Sequence& sequence, int32_t token);
  void Fail(const Batch& batch, const Status& error);
  void Finish(Sequence& sequence, const Ending& ending);
  bool IsEndToken(int32_t token) const;

  const std::shared_ptr<const Tokenizer> tokenizer_;
  const std::shared_ptr<const Clock> clock_;
  const int32_t expanded_prefill_;
  BlockPool pool_;  ///< outlives the sequences in scheduler_
  Scheduler scheduler_;
  ModelRunner runner_;
  const std::unique_ptr<Drafter> drafter_;
  LogitAdjuster adjuster_;
  std::vector<float> masked_logits_;  ///< scratch of Mask()
  const Device device_ = Device::CallingThread();  ///< where rows of logits are read
  Sampler sampler_{device_};
  int64_t generated_tokens_ = 0;
  int64_t drafted_tokens_ = 0;
  int64_t accepted_tokens_ = 0;
};

}  // namespace hadal::inference
