#include "inference/embedder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "inference/embedder/bert_encoder.h"
#include "inference/embedder/embedder_files.h"

namespace hadal::inference {
namespace {

// Rows of one forward pass. Activations of 384 then take 0.8 MB each, which stays near the cache.
constexpr size_t kMaxBatchTokens = 512;

class BertEmbedder final : public Embedder {
 public:
  BertEmbedder(EmbedderFiles files, std::unique_ptr<BertEncoder> encoder)
      : files_(std::move(files)),
        max_tokens_(files_.max_tokens > 0
                        ? std::min(files_.max_tokens, encoder->config().context_length)
                        : encoder->config().context_length),
        dim_(encoder->config().hidden_dim),
        vocabulary_(encoder->config().vocabulary),
        encoder_(std::move(encoder)) {}

  StatusOr<Embeddings> Embed(const std::vector<std::string>& texts, EmbedKind kind) override {
    std::vector<std::vector<int32_t>> ids;
    ids.reserve(texts.size());
    for (const std::string& text : texts) ids.push_back(Encode(text, kind));
    return EmbedTokens(ids);
  }

  StatusOr<Embeddings> EmbedTokens(const std::vector<std::vector<int32_t>>& ids) override {
    for (const auto& sequence : ids) RETURN_IF_ERROR(CheckIds(sequence));
    // Similar lengths together: the batch's attention is then split evenly over the threads.
    std::vector<size_t> order(ids.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&ids](size_t a, size_t b) { return ids[a].size() > ids[b].size(); });
    Embeddings result;
    result.dim = dim_;
    result.values.resize(ids.size() * static_cast<size_t>(dim_));
    for (size_t begin = 0; begin < order.size();) {
      std::vector<std::vector<int32_t>> batch;
      size_t tokens = 0;
      size_t end = begin;
      while (end < order.size() &&
             (batch.empty() || tokens + ids[order[end]].size() <= kMaxBatchTokens)) {
        batch.push_back(ids[order[end]]);
        tokens += batch.back().size();
        ++end;
      }
      RETURN_IF_ERROR(RunBatch(batch, absl::MakeConstSpan(order).subspan(begin, end - begin),
                               &result.values));
      result.tokens += static_cast<int32_t>(tokens);
      begin = end;
    }
    return result;
  }

  int32_t dim() const override { return dim_; }
  int32_t max_tokens() const override { return max_tokens_; }
  int32_t CountTokens(const std::string& text) const override {
    return static_cast<int32_t>(files_.tokenizer->Encode(text, EncodeOptions{}).size());
  }

 private:
  // A text that is too long keeps its closing special token.
  std::vector<int32_t> Encode(const std::string& text, EmbedKind kind) const {
    std::string prefixed;
    if (kind == EmbedKind::kQuery) prefixed = files_.query_prefix;
    if (kind == EmbedKind::kPassage) prefixed = files_.passage_prefix;
    prefixed += text;
    EncodeOptions options;
    options.add_special = true;
    std::vector<int32_t> ids = files_.tokenizer->Encode(prefixed, options);
    const auto limit = static_cast<size_t>(max_tokens_);
    if (ids.size() > limit) {
      const int32_t last = ids.back();
      ids.resize(limit);
      if (files_.tokenizer->IsSpecial(last)) ids.back() = last;
    }
    return ids;
  }

  Status CheckIds(const std::vector<int32_t>& ids) const {
    if (ids.empty() || ids.size() > static_cast<size_t>(max_tokens_)) {
      return InvalidArgument("{} tokens to embed, expected 1..{}", ids.size(), max_tokens_);
    }
    for (int32_t id : ids) {
      if (id < 0 || id >= vocabulary_) {
        return InvalidArgument("token id {} is outside the vocabulary of {}", id, vocabulary_);
      }
    }
    return OkStatus();
  }

  // Writes row i of the batch to row `rows[i]` of `values`, at length 1.
  Status RunBatch(const std::vector<std::vector<int32_t>>& batch, absl::Span<const size_t> rows,
                  std::vector<float>* values) {
    const auto dim = static_cast<size_t>(dim_);
    std::vector<float> means(batch.size() * dim);
    {
      absl::MutexLock lock(&mu_);
      encoder_->Forward(batch, means.data());
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const float* mean = means.data() + i * dim;
      double squares = 0;
      for (size_t d = 0; d < dim; ++d) squares += static_cast<double>(mean[d]) * mean[d];
      if (!std::isfinite(squares) || squares <= 0) {
        return DataLoss(
            "the embedding model gives no finite vector; its weights are damaged, fetch "
            "the model again");
      }
      const double scale = 1.0 / std::sqrt(squares);
      float* out = values->data() + rows[i] * dim;
      for (size_t d = 0; d < dim; ++d) out[d] = static_cast<float>(mean[d] * scale);
    }
    return OkStatus();
  }

  const EmbedderFiles files_;
  const int32_t max_tokens_;
  const int32_t dim_;
  const int32_t vocabulary_;
  absl::Mutex mu_;
  const std::unique_ptr<BertEncoder> encoder_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace

StatusOr<std::unique_ptr<Embedder>> Embedder::Load(const std::string& path,
                                                   std::shared_ptr<ThreadPool> pool,
                                                   const EmbedderOptions& options) {
  ASSIGN_OR_RETURN(auto checkpoint, Checkpoint::Open(path));
  const PackPrecision precision =
      options.float32 ? PackPrecision::kFloat32 : PackPrecision::kStored;
  ASSIGN_OR_RETURN(auto encoder, BertEncoder::Load(std::move(checkpoint), precision,
                                                   Device(std::move(pool))));
  ASSIGN_OR_RETURN(EmbedderFiles files, ReadEmbedderFiles(path));
  if (files.tokenizer->vocabulary_size() > encoder->config().vocabulary) {
    return InvalidArgument(
        "{}: the tokenizer has {} tokens, the model {}; they do not belong together", path,
        files.tokenizer->vocabulary_size(), encoder->config().vocabulary);
  }
  return std::make_unique<BertEmbedder>(std::move(files), std::move(encoder));
}

}  // namespace hadal::inference
