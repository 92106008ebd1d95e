#pragma once

#include <memory>

#include "base/status.h"
#include "services/inference/config.h"

namespace hadal::inference_service {

/// The running hadal-inference: port, service, models. Thread-safe.
class InferenceServer {
 public:
  /// Listens at once, with health NOT_SERVING, and writes DATA/run/inference.json; then loads the
  /// models and serves. The error says what could not be read, bound or loaded.
  static StatusOr<std::unique_ptr<InferenceServer>> Start(const InferenceConfig& config);
  ~InferenceServer();

  /// HOST:PORT really bound.
  const std::string& address() const;

 private:
  struct Parts;
  explicit InferenceServer(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace hadal::inference_service
