#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/tokenizer.h"
#include "inference/tokenizer/token_table.h"

namespace hadal::inference {

/// What all models share: special tokens found in the text, what stands before and behind it, and
/// lookups. A subclass turns the text between special tokens into ids, and tokens into bytes.
class TextTokenizer : public Tokenizer {
 public:
  explicit TextTokenizer(TokenTable table);

  std::vector<int32_t> Encode(std::string_view text, const EncodeOptions& options) const final;
  std::string TokenBytes(int32_t id) const final;
  int32_t vocabulary_size() const final { return table_.size(); }
  bool IsSpecial(int32_t id) const final;
  int32_t TokenId(std::string_view piece) const final { return table_.Find(piece); }
  const std::vector<int32_t>& end_tokens() const final { return table_.end_tokens; }

 protected:
  /// `text` is valid UTF-8.
  virtual std::string Normalize(std::string_view text) const = 0;
  /// Ids of normalised text without special tokens, appended to `ids`.
  virtual void EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const = 0;
  /// The bytes a token stands for in running text; `id` is inside the table and not unused.
  virtual std::string PieceBytes(int32_t id) const = 0;

  const TokenTable& table() const { return table_; }
  TokenKind kind(int32_t id) const { return table_.kinds[static_cast<size_t>(id)]; }
  /// True when Decode prints the token.
  bool Printed(int32_t id, bool skip_special) const;

 private:
  struct Match {
    size_t begin;
    size_t end;
    int32_t id;
  };
  // Added tokens by their first byte, longest first.
  struct Matcher {
    std::vector<const AddedToken*> by_first[256];
    bool empty = true;
    void Add(const AddedToken& token);
    std::vector<Match> FindAll(std::string_view text) const;
  };
  template <typename Plain>
  static void SplitAt(const Matcher& matcher, std::string_view text, std::vector<int32_t>& ids,
                      Plain plain);

  const TokenTable table_;
  Matcher raw_;
  Matcher normalized_;
};

}  // namespace hadal::inference
