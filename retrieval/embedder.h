#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

/// kBackground: whatever else the service is asked for goes first.
enum class EmbedPriority : uint8_t { kForeground, kBackground };

/// Text to vectors, as retrieval needs it; services/retrieval implements it over the inference
/// service. Thread-safe.
class Embedder {
 public:
  virtual ~Embedder() = default;
  /// Identifies model and version: vectors of two models never mix.
  virtual std::string model_id() const = 0;
  virtual int32_t dim() const = 0;
  /// Unit vectors, [texts, dim] row-major.
  virtual StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                                     EmbedPriority priority) = 0;
  virtual StatusOr<std::vector<float>> EmbedQuery(const std::string& query) = 0;
};

}  // namespace hadal::retrieval
