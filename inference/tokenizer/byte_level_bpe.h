#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "inference/tokenizer/bpe_merger.h"
#include "inference/tokenizer/pre_tokenizer.h"
#include "inference/tokenizer/text_tokenizer.h"

namespace hadal::inference {

struct ByteLevelBpeOptions {
  PreTokenizer pre_tokenizer = PreTokenizer::kGpt2;
  bool nfc = false;           ///< normalise to NFC first
  bool whole_words = false;   ///< a word that is a token is taken without merging ("ignore_merges")
};

/// The GPT-2 family: Qwen2, DeepSeek, Llama 3, SmolLM.
class ByteLevelBpe final : public TextTokenizer {
 public:
  /// `merges`: pairs of pieces, best first. INVALID_ARGUMENT when a merge names no token.
  static StatusOr<std::shared_ptr<const Tokenizer>> Create(
      TokenTable table, const std::vector<std::pair<std::string_view, std::string_view>>& merges,
      const ByteLevelBpeOptions& options, std::string_view path);

  std::string Decode(const std::vector<int32_t>& ids, bool skip_special) const override;

 protected:
  std::string Normalize(std::string_view text) const override;
  void EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string PieceBytes(int32_t id) const override { return bytes_[static_cast<size_t>(id)]; }

 private:
  ByteLevelBpe(TokenTable table, const ByteLevelBpeOptions& options);

  const ByteLevelBpeOptions options_;
  std::vector<std::string> bytes_;        // by id
  std::array<int32_t, 256> byte_token_;  // -1: the vocabulary lacks the byte, which is then dropped
  std::unordered_map<std::string_view, int32_t> words_;  // views into bytes_; only with whole_words
  BpeMerger merger_;
};

}  // namespace hadal::inference
