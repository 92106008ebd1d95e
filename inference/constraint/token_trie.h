#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

/// The tokens of a vocabulary by their bytes, as a trie laid out in the order of a walk: a walk is
/// one pass over an array, and leaving out a subtree is a jump. Special tokens have no bytes and
/// are not in it. Thread-safe (const).
class TokenTrie {
 public:
  struct Node {
    uint32_t end;          ///< index behind the node's subtree
    uint32_t first_token;  ///< the node's tokens: tokens()[first_token, first_token + num_tokens)
    uint32_t num_tokens;   ///< more than one when tokens have the same bytes
    uint16_t depth;        ///< bytes from the root, at least 1
    uint8_t byte;
  };

  explicit TokenTrie(const Tokenizer& tokenizer);

  /// All nodes but the root, each before its children.
  absl::Span<const Node> nodes() const { return nodes_; }
  /// Token ids in the order of their bytes.
  absl::Span<const int32_t> tokens() const { return tokens_; }
  /// The bytes of a token; empty for a special token and one outside the vocabulary.
  absl::Span<const uint8_t> BytesOf(int32_t token) const;

  int32_t vocabulary_size() const { return vocabulary_size_; }
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  size_t longest_token() const { return longest_token_; }

 private:
  const int32_t vocabulary_size_;
  const std::vector<int32_t> end_tokens_;
  std::vector<uint8_t> bytes_;     ///< of all tokens, by id
  std::vector<uint32_t> offsets_;  ///< [vocabulary + 1] into bytes_
  std::vector<int32_t> tokens_;
  std::vector<Node> nodes_;
  size_t longest_token_ = 0;
};

}  // namespace hadal::inference
