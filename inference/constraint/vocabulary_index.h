#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "inference/constraint.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

/// Tokens by their bytes, laid out in the order of a walk: a walk is one pass over an array, and
/// leaving out a subtree is a jump.
struct TokenTrie {
  struct Node {
    uint32_t end;          ///< index behind the node's subtree
    uint32_t first_token;  ///< the node's tokens: tokens[first_token, first_token + num_tokens)
    uint32_t num_tokens;   ///< more than one when tokens have the same bytes
    uint16_t depth;        ///< bytes from the root, at least 1
    uint8_t byte;
  };
  std::vector<Node> nodes;  ///< all but the root, each before its children
  std::vector<int32_t> tokens;
};

/// True for an ASCII character that stands for itself inside a JSON string.
constexpr bool IsPlainAscii(uint32_t c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

/// What masks need to know of a vocabulary. Plain tokens, which are most, are whole characters
/// without `"`, `\` and control characters: in the middle of a free text only their number of
/// characters counts. Special and end tokens have no bytes here. Thread-safe (const).
class VocabularyIndex {
 public:
  explicit VocabularyIndex(const Tokenizer& tokenizer);

  const TokenTrie& plain() const { return plain_; }
  const TokenTrie& others() const { return others_; }
  /// Plain tokens of at most `chars` characters.
  void AllowPlain(size_t chars, TokenMask& mask) const;
  /// Characters of the longest plain token.
  size_t longest_plain() const { return longest_plain_; }

  /// The bytes of a token; empty for a special token and one outside the vocabulary.
  absl::Span<const uint8_t> BytesOf(int32_t token) const;

  int32_t vocabulary_size() const { return vocabulary_size_; }
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  size_t longest_token() const { return longest_token_; }  ///< bytes

 private:
  TokenTrie MakeTrie(std::vector<int32_t> tokens) const;

  const int32_t vocabulary_size_;
  const std::vector<int32_t> end_tokens_;
  std::vector<uint8_t> bytes_;     ///< of all tokens, by id
  std::vector<uint32_t> offsets_;  ///< [vocabulary + 1] into bytes_
  size_t longest_token_ = 0;
  std::vector<std::pair<uint32_t, int32_t>> plain_by_length_;  ///< (characters, token), sorted
  size_t longest_plain_ = 0;
  TokenMask all_plain_;
  TokenTrie plain_;
  TokenTrie others_;
};

}  // namespace hadal::inference
