#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "inference/embedder.h"
#include "retrieval/embedder.h"
#include "retrieval/token_counter.h"

namespace hadal {

/// An embedding model in this process, whose vectors are kept in a file by the SHA-256 of the text:
/// a second run over the same texts embeds nothing, and what is tried in between is the ranking
/// alone. The file belongs to one model, by its digest. Not thread-safe.
class CachedEmbedder final : public retrieval::Embedder, public retrieval::TokenCounter {
 public:
  /// `cache_path` empty: nothing is kept. INVALID_ARGUMENT when the file is of another model.
  static StatusOr<std::shared_ptr<CachedEmbedder>> Create(const std::string& model_path,
                                                          const std::string& cache_path,
                                                          int32_t threads);

  std::string model_id() const override { return "local"; }
  int32_t dim() const override { return model_->dim(); }
  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                             retrieval::EmbedPriority priority) override;
  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override;
  int32_t max_tokens() const override { return model_->max_tokens() - kAroundText; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override;

 private:
  static constexpr int32_t kAroundText = 8;  // prefix and special tokens, and a reserve

  CachedEmbedder(std::unique_ptr<inference::Embedder> model, std::string cache_path)
      : model_(std::move(model)), cache_path_(std::move(cache_path)) {}
  Status OpenCache(const std::string& model_digest);
  StatusOr<std::vector<float>> Embed(const std::vector<std::string>& texts,
                                     inference::EmbedKind kind);

  const std::unique_ptr<inference::Embedder> model_;
  const std::string cache_path_;
  std::unordered_map<std::string, std::vector<float>> vectors_;  // by digest of kind and text
};

}  // namespace hadal
