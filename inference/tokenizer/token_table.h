#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/status.h"

namespace hadal::inference {

enum class TokenKind : uint8_t {
  kNormal,
  kSpecial,  ///< a control token: left out by Decode(skip_special)
  kAdded,    ///< matched as a whole like a special token, but printed
  kUnused,   ///< a row of the embedding matrix without text
};

/// A token matched as a whole in the text before anything else, when special tokens are parsed.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool strip_left = false;   ///< takes the white space before it
  bool strip_right = false;  ///< takes the white space behind it
  bool normalized = false;   ///< looked for in the normalised text
};

/// What both containers (GGUF, tokenizer.json) say about the vocabulary.
struct TokenTable {
  std::vector<std::string> pieces;  ///< as written in the file, by id
  std::vector<TokenKind> kinds;     ///< same length
  std::vector<AddedToken> added;
  std::vector<int32_t> prefix;      ///< put in front with add_special
  std::vector<int32_t> suffix;      ///< put behind
  std::vector<int32_t> end_tokens;
  int32_t unknown = -1;

  absl::flat_hash_map<std::string_view, int32_t> by_piece;  ///< views into `pieces`

  TokenTable() = default;
  TokenTable(TokenTable&&) = default;
  TokenTable& operator=(TokenTable&&) = default;
  TokenTable(const TokenTable&) = delete;

  int32_t size() const { return static_cast<int32_t>(pieces.size()); }
  bool Contains(int64_t id) const { return id >= 0 && id < size(); }
  int32_t Find(std::string_view piece) const {
    auto it = by_piece.find(piece);
    return it == by_piece.end() ? -1 : it->second;
  }

  /// Checks every id, builds by_piece and adds the well-known end-of-turn tokens to end_tokens.
  /// INVALID_ARGUMENT when an id is outside the table. Call once, when the lists are complete.
  Status Finish(std::string_view path);
};

}  // namespace hadal::inference
