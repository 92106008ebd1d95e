#pragma once

#include <string>

#include "base/status.h"
#include "inference/tokenizer.h"

namespace hadal::model_store {

/// What a checkpoint is, found by opening it.
struct CheckpointFacts {
  bool embedding = false;
  std::string architecture;
  std::string tokenizer_sha256;
  std::string chat_template_sha256;  ///< empty: it has none
};

/// SHA-256, in hex, of the vocabulary whatever file it came from: of every id whether it is special
/// and its text, and the tokens that end a generation. Two models with the same one understand each
/// other's tokens.
std::string TokenizerDigest(const inference::Tokenizer& tokenizer);

/// Opens and checks the model at `path` (GGUF file or Hugging Face folder) as far as loading it
/// would, short of packing a chat model's weights. Errors are those of loading it.
StatusOr<CheckpointFacts> ReadCheckpointFacts(const std::string& path);

}  // namespace hadal::model_store
