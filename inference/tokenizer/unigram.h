#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "inference/tokenizer/piece_trie.h"
#include "inference/tokenizer/text_tokenizer.h"

namespace hadal::inference {

/// What each code point becomes before tokenising; those absent stay. (SentencePiece's nmt_nfkc
/// rule table; its multi-code-point rules are the compositions of NFC, which is applied after it.)
using CodePointMap = absl::flat_hash_map<char32_t, std::string>;

/// Reads SentencePiece's precompiled character map (a double-array trie and a pool of strings).
/// INVALID_ARGUMENT when it is damaged.
/// Source: google/sentencepiece src/normalizer.cc; s-yata/darts-clone for the units.
StatusOr<CodePointMap> ParsePrecompiledCharsMap(std::string_view blob);

/// SentencePiece's Unigram model as XLM-R uses it: map, compose, collapse spaces, a word mark in
/// front of every word, then the most probable split of each word.
class Unigram final : public TextTokenizer {
 public:
  /// `scores`: log probability by id. INVALID_ARGUMENT when its length is another, a score is not
  /// finite or there is no unknown token.
  static StatusOr<std::shared_ptr<const Tokenizer>> Create(TokenTable table,
                                                           std::vector<float> scores,
                                                           CodePointMap map, std::string_view path);

  std::string Decode(const std::vector<int32_t>& ids, bool skip_special) const override;

 protected:
  std::string Normalize(std::string_view text) const override;
  void EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string PieceBytes(int32_t id) const override;

 private:
  Unigram(TokenTable table, std::vector<float> scores, CodePointMap map);
  void EncodeWord(std::string_view word, std::vector<int32_t>& ids) const;
  std::vector<std::pair<std::string_view, int32_t>> SearchablePieces() const;

  const std::vector<float> scores_;
  const CodePointMap map_;
  const PieceTrie trie_;
  double unknown_score_ = 0;
};

}  // namespace hadal::inference
