#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

/// What an embedding model's files say besides its weights.
struct EmbedderFiles {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string query_prefix;
  std::string passage_prefix;
  int32_t max_tokens = 0;  ///< 0: the model's context length
};

/// Reads the tokenizer, the prefixes (GGUF: hadal.embedding.*; folder: "prompts" of
/// config_sentence_transformers.json) and the limit (sentence_bert_config.json). INVALID_ARGUMENT
/// when the model pools otherwise than by the mean.
StatusOr<EmbedderFiles> ReadEmbedderFiles(const std::string& path);

}  // namespace hadal::inference
