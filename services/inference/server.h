#pragma once

#include <functional>
#include <memory>

#include "base/status.h"
#include "inference/rank_group.h"
#include "services/inference/config.h"

namespace hadal::inference_service {

/// The running hadal-inference: port, service, models. Thread-safe.
class InferenceServer {
 public:
  /// Listens at once, with health NOT_SERVING, and writes DATA/run/inference.json; then loads the
  /// models and serves. The error says what could not be read, bound or loaded.
  /// With `ranks`, which this process leads, chat models are computed by all of them; when one is
  /// dead or stuck, health turns NOT_SERVING and `on_failure` is called, once, from any thread.
  static StatusOr<std::unique_ptr<InferenceServer>> Start(
      const InferenceConfig& config, std::shared_ptr<inference::RankGroup> ranks = nullptr,
      std::function<void()> on_failure = nullptr);
  /// Lets the followers go.
  ~InferenceServer();

  /// HOST:PORT really bound.
  const std::string& address() const;

 private:
  struct Parts;
  explicit InferenceServer(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

/// A follower's whole life: loads its part of the chat models and computes what the leader says,
/// until that leaves.
Status RunFollower(const InferenceConfig& config, inference::RankGroup& ranks);

}  // namespace hadal::inference_service
