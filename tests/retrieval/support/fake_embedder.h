#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
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

  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                             EmbedPriority priority) override {
    passages_ += static_cast<int64_t>(texts.size());
    if (failing_) return Unavailable("the embedder was told to fail");
    if (priority == EmbedPriority::kBackground) RETURN_IF_ERROR(BeginBackground(texts));
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

  /// So many more background passages get their vectors; then the calls fail. At first: all.
  void allow_background(int64_t passages) {
    absl::MutexLock lock(&mu_);
    allowed_ = passages;
  }
  /// A background call with a text that holds `part` fails.
  void poison_background(const std::string& part) {
    absl::MutexLock lock(&mu_);
    poison_ = part;
  }
  /// Called once, by the next background call while it runs.
  void on_background(std::function<void()> call) {
    absl::MutexLock lock(&mu_);
    on_background_ = std::move(call);
  }
  /// Passages that background calls gave vectors to.
  int64_t background_passages() const { return background_passages_; }

 private:
  Status BeginBackground(const std::vector<std::string>& texts) ABSL_LOCKS_EXCLUDED(mu_) {
    std::function<void()> call;
    {
      absl::MutexLock lock(&mu_);
      const int64_t count = static_cast<int64_t>(texts.size());
      if (allowed_ < count) return Unavailable("no more background passages are allowed");
      for (const std::string& text : texts) {
        if (!poison_.empty() && text.find(poison_) != std::string::npos) {
          return InvalidArgument("a text that cannot be embedded");
        }
      }
      allowed_ -= count;
      background_passages_ += count;
      std::swap(call, on_background_);
    }
    if (call) call();
    return OkStatus();
  }

  const std::string model_;
  const int32_t dim_;
  std::atomic<bool> failing_ = false;
  std::atomic<int64_t> passages_ = 0;
  std::atomic<int64_t> background_passages_ = 0;

  absl::Mutex mu_;
  int64_t allowed_ ABSL_GUARDED_BY(mu_) = std::numeric_limits<int64_t>::max();
  std::string poison_ ABSL_GUARDED_BY(mu_);
  std::function<void()> on_background_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval
