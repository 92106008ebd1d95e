#include "inference/tokenizer/text_tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {

TextTokenizer::TextTokenizer(TokenTable table) : table_(std::move(table)) {
  for (const AddedToken& token : table_.added) (token.normalized ? normalized_ : raw_).Add(token);
}

void TextTokenizer::Matcher::Add(const AddedToken& token) {
  auto& list = by_first[static_cast<uint8_t>(token.content.front())];
  auto at = std::find_if(list.begin(), list.end(), [&token](const AddedToken* other) {
    return other->content.size() < token.content.size();
  });
  list.insert(at, &token);
  empty = false;
}

std::vector<TextTokenizer::Match> TextTokenizer::Matcher::FindAll(std::string_view text) const {
  std::vector<Match> matches;
  size_t done = 0;  // end of the previous match
  size_t pos = empty ? text.size() : 0;
  while (pos < text.size()) {
    const AddedToken* found = nullptr;
    for (const AddedToken* token : by_first[static_cast<uint8_t>(text[pos])]) {
      if (text.substr(pos).starts_with(token->content)) {
        found = token;
        break;
      }
    }
    if (found == nullptr) {
      ++pos;
      continue;
    }
    size_t begin = pos;
    size_t end = pos + found->content.size();
    if (found->strip_left) begin = done + TrimSpaceRight(text.substr(done, pos - done)).size();
    if (found->strip_right) end = text.size() - TrimSpaceLeft(text.substr(end)).size();
    matches.push_back({begin, end, found->id});
    pos = done = end;
  }
  return matches;
}

template <typename Plain>
void TextTokenizer::SplitAt(const Matcher& matcher, std::string_view text,
                            std::vector<int32_t>& ids, Plain plain) {
  size_t done = 0;
  for (const Match& match : matcher.FindAll(text)) {
    if (match.begin > done) plain(text.substr(done, match.begin - done));
    ids.push_back(match.id);
    done = match.end;
  }
  if (done < text.size()) plain(text.substr(done));
}

std::vector<int32_t> TextTokenizer::Encode(std::string_view text,
                                           const EncodeOptions& options) const {
  std::string sanitized;
  if (!IsValidUtf8(text)) {
    sanitized = SanitizeUtf8(text);
    text = sanitized;
  }
  std::vector<int32_t> ids;
  if (options.add_special) ids = table_.prefix;
  static const Matcher kNone;
  const Matcher& raw = options.parse_special ? raw_ : kNone;
  const Matcher& normalized = options.parse_special ? normalized_ : kNone;
  SplitAt(raw, text, ids, [&](std::string_view part) {
    const std::string normal = Normalize(part);
    SplitAt(normalized, normal, ids,
            [&](std::string_view plain) { EncodeNormalized(plain, ids); });
  });
  if (options.add_special) ids.insert(ids.end(), table_.suffix.begin(), table_.suffix.end());
  return ids;
}

bool TextTokenizer::IsSpecial(int32_t id) const {
  return table_.Contains(id) && kind(id) == TokenKind::kSpecial;
}

bool TextTokenizer::Printed(int32_t id, bool skip_special) const {
  return table_.Contains(id) && kind(id) != TokenKind::kUnused &&
         !(skip_special && kind(id) == TokenKind::kSpecial);
}

std::string TextTokenizer::TokenBytes(int32_t id) const {
  return Printed(id, /*skip_special=*/true) ? PieceBytes(id) : std::string();
}

}  // namespace hadal::inference
