#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "retrieval/embedder.h"

namespace hadal::retrieval {

/// Unit vectors from the bytes of the text: texts that share 3-byte runs (one Chinese character)
/// get near vectors. The same text always gets the same vector.
class FakeEmbedder final : public Embedder {
 public:
  explicit FakeEmbedder(std::string model = "fake-1", int32_t dim = 32)
      : model_(std::move(model)), dim_(dim) {}

  std::string model_id() const override { return model_; }
  int32_t dim() const override { return dim_; }

  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts) override {
    passages_ += static_cast<int64_t>(texts.size());
    if (failing_) return Unavailable("the embedder was told to fail");
    std::vector<float> vectors;
    for (const std::string& text : texts) {
      const std::vector<float> vector = Embed(text);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    return vectors;
  }

  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override {
    if (failing_) return Unavailable("the embedder was told to fail");
    return Embed(query);
  }

  std::vector<float> Embed(const std::string& text) const {
    std::vector<float> vector(static_cast<size_t>(dim_), 0.01f);
    for (size_t i = 0; i + 3 <= text.size(); ++i) {
      uint32_t hash = 2166136261u;
      for (size_t k = 0; k < 3; ++k) hash = (hash ^ static_cast<uint8_t>(text[i + k])) * 16777619u;
      hash ^= hash >> 15;
      vector[hash % vector.size()] += (hash & 0x10000) != 0 ? 1.0f : -1.0f;
    }
    double norm = 0;
    for (const float value : vector) norm += double{value} * value;
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(norm));
    return vector;
  }

  void set_failing(bool failing) { failing_ = failing; }
  int64_t passages() const { return passages_; }

 private:
  const std::string model_;
  const int32_t dim_;
  std::atomic<bool> failing_ = false;
  std::atomic<int64_t> passages_ = 0;
};

}  // namespace hadal::retrieval
