#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

class ThreadPool;

enum class EmbedKind { kRaw, kQuery, kPassage };

struct Embeddings {
  std::vector<float> values;  ///< [texts, dim] row-major, each row of length 1
  int32_t dim = 0;
  int32_t tokens = 0;  ///< encoded in all
};

struct EmbedderOptions {
  bool float32 = false;  ///< widened weights, float activations: the reference, and slower
};

/// A BERT-family encoder (multilingual-e5-small, MiniLM): texts to unit vectors by mean pooling.
/// A text beyond the model's limit is cut. Thread-safe: calls run one after the other.
class Embedder {
 public:
  /// `path`: GGUF file or Hugging Face folder with its tokenizer. INVALID_ARGUMENT when it is not
  /// an encoder with mean pooling.
  static StatusOr<std::unique_ptr<Embedder>> Load(const std::string& path,
                                                  std::shared_ptr<ThreadPool> pool,
                                                  const EmbedderOptions& options = {});
  virtual ~Embedder() = default;
  /// The model's query or passage prefix is put before each text; special tokens go around it.
  virtual StatusOr<Embeddings> Embed(const std::vector<std::string>& texts, EmbedKind kind) = 0;
  /// Ids as they are fed, special tokens included. INVALID_ARGUMENT when a list is empty, longer
  /// than max_tokens() or holds an id outside the vocabulary.
  virtual StatusOr<Embeddings> EmbedTokens(const std::vector<std::vector<int32_t>>& ids) = 0;
  virtual int32_t dim() const = 0;
  virtual int32_t max_tokens() const = 0;
  /// Of the text alone: without prefix and special tokens.
  virtual int32_t CountTokens(const std::string& text) const = 0;
};

}  // namespace hadal::inference
