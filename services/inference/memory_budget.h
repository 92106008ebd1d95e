#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "inference/model_plan.h"

namespace hadal::inference_service {

/// What this process may use: the machine's memory, or the limit of its control group where that is
/// less. `root` is "" outside tests.
int64_t MachineMemoryBytes(const std::string& root = "");

/// "weights 379 MiB, KV cache 512 MiB for 43688 tokens, buffers 14 MiB: 905 MiB".
std::string Describe(const inference::ModelPlan& plan);

/// The memory the models share, by their plans. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t bytes) : bytes_(bytes) {}

  /// Sets aside what `plan` says for the model `id`, until Release(). RESOURCE_EXHAUSTED with the
  /// numbers when the others leave too little.
  Status Reserve(const std::string& id, const inference::ModelPlan& plan) ABSL_LOCKS_EXCLUDED(mu_);
  void Release(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  /// 0 when nothing is set aside.
  int64_t ReservedBy(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const int64_t bytes_;
  mutable absl::Mutex mu_;
  std::map<std::string, int64_t> reserved_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::inference_service
