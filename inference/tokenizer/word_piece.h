#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/tokenizer/text_tokenizer.h"

namespace hadal::inference {

struct WordPieceOptions {
  std::string continuation = "##";  ///< marks a piece inside a word
  size_t max_word_chars = 100;      ///< a longer word is unknown
  bool lowercase = true;            ///< also strips accents, as the uncased models do
  bool clean_up = true;             ///< Decode() closes up punctuation and contractions
};

/// BERT's tokenizer (uncased and cased): words by white space and punctuation, CJK characters
/// alone, then the longest piece first.
class WordPiece final : public TextTokenizer {
 public:
  /// INVALID_ARGUMENT when there is no unknown token.
  static StatusOr<std::shared_ptr<const Tokenizer>> Create(TokenTable table,
                                                           const WordPieceOptions& options,
                                                           std::string_view path);

  std::string Decode(const std::vector<int32_t>& ids, bool skip_special) const override;

 protected:
  std::string Normalize(std::string_view text) const override;
  void EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string PieceBytes(int32_t id) const override;

 private:
  WordPiece(TokenTable table, const WordPieceOptions& options)
      : TextTokenizer(std::move(table)), options_(options) {}
  void EncodeWord(std::string_view word, size_t num_chars, std::vector<int32_t>& ids) const;

  const WordPieceOptions options_;
};

}  // namespace hadal::inference
