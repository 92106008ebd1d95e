#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

class GgufFile;

struct EncodeOptions {
  bool add_special = false;    ///< BOS / CLS / SEP / EOS as the model's post-processor adds them
  bool parse_special =
      false;  ///< recognise special tokens written in the text; never for user data
};

/// Text to token ids and back, exact against the model's own tokenizer. Any byte string is
/// accepted. Thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<int32_t> Encode(std::string_view text,
                                      const EncodeOptions& options) const = 0;
  /// Invalid UTF-8 becomes U+FFFD. Ids outside the vocabulary decode to nothing.
  virtual std::string Decode(const std::vector<int32_t>& ids, bool skip_special) const = 0;
  /// The raw bytes of one token, for incremental decoding; empty for a special token.
  virtual std::string TokenBytes(int32_t id) const = 0;
  virtual int32_t vocabulary_size() const = 0;
  virtual bool IsSpecial(int32_t id) const = 0;
  /// -1 when `piece` is no token.
  virtual int32_t TokenId(std::string_view piece) const = 0;
  /// Tokens that end a generation (EOS, <|im_end|>, ...).
  virtual const std::vector<int32_t>& end_tokens() const = 0;
};

/// Byte-level BPE or Unigram, by the file's `tokenizer.ggml.model`. INVALID_ARGUMENT naming the
/// key.
StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const GgufFile& file);

/// From a Hugging Face tokenizer.json, a checkpoint folder holding one, or a GGUF file.
StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const std::string& path);

}  // namespace hadal::inference
