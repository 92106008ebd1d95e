#include "inference/tokenizer/unigram.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/utf8.h"
#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {
namespace {

constexpr std::string_view kWordMark = "\u2581";
constexpr double kUnknownPenalty = 10.0;  // SentencePiece, unigram_model.cc

// The accessors of a darts-clone unit.
bool HasLeaf(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

}  // namespace

StatusOr<CodePointMap> ParsePrecompiledCharsMap(std::string_view blob) {
  uint32_t trie_bytes = 0;
  if (blob.size() < 4)
    return InvalidArgument("character map of {} bytes is too short", blob.size());
  std::memcpy(&trie_bytes, blob.data(), 4);
  if (trie_bytes > blob.size() - 4 || trie_bytes % 4 != 0 || trie_bytes == 0) {
    return InvalidArgument("character map: its trie of {} bytes does not fit {}", trie_bytes,
                           blob.size());
  }
  std::vector<uint32_t> units(trie_bytes / 4);
  std::memcpy(units.data(), blob.data() + 4, trie_bytes);
  const std::string_view strings = blob.substr(4 + trie_bytes);
  CodePointMap map;
  std::string utf8;
  for (char32_t c = 1; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    utf8.clear();
    AppendUtf8(c, utf8);
    size_t node = Offset(units[0]);
    bool inside = true;
    bool leaf = false;
    for (char byte : utf8) {
      node ^= static_cast<uint8_t>(byte);
      inside = node < units.size() && Label(units[node]) == static_cast<uint8_t>(byte);
      if (!inside) break;
      leaf = HasLeaf(units[node]);
      node ^= Offset(units[node]);
    }
    if (!inside || !leaf) continue;
    if (node >= units.size() || Value(units[node]) >= strings.size()) {
      return InvalidArgument("character map: the entry of U+{:04X} lies outside it",
                             static_cast<uint32_t>(c));
    }
    const std::string_view tail = strings.substr(Value(units[node]));
    const std::string_view text = tail.substr(0, tail.find('\0'));
    if (text.size() > 256 || !IsValidUtf8(text)) {
      return InvalidArgument("character map: the entry of U+{:04X} is not short UTF-8",
                             static_cast<uint32_t>(c));
    }
    map.emplace(c, text);
  }
  return map;
}

Unigram::Unigram(TokenTable token_table, std::vector<float> scores, CodePointMap map)
    : TextTokenizer(std::move(token_table)),
      scores_(std::move(scores)),
      map_(std::move(map)),
      trie_(SearchablePieces()) {
  unknown_score_ = *std::min_element(scores_.begin(), scores_.end()) - kUnknownPenalty;
}

std::vector<std::pair<std::string_view, int32_t>> Unigram::SearchablePieces() const {
  std::vector<std::pair<std::string_view, int32_t>> pieces;
  for (int32_t id = 0; id < table().size(); ++id) {
    // Control pieces are never found in text, or a document could write them.
    if (kind(id) == TokenKind::kNormal)
      pieces.emplace_back(table().pieces[static_cast<size_t>(id)], id);
  }
  return pieces;
}

StatusOr<std::shared_ptr<const Tokenizer>> Unigram::Create(TokenTable table,
                                                           std::vector<float> scores,
                                                           CodePointMap map,
                                                           std::string_view path) {
  if (scores.empty() || scores.size() != table.pieces.size()) {
    return InvalidArgument("{}: {} scores for {} tokens", path, scores.size(), table.pieces.size());
  }
  if (!std::all_of(scores.begin(), scores.end(), [](float s) { return std::isfinite(s); })) {
    return InvalidArgument("{}: a token's score is not finite", path);
  }
  if (!table.Contains(table.unknown)) {
    return InvalidArgument("{}: the Unigram model names no unknown token", path);
  }
  return std::shared_ptr<const Tokenizer>(
      new Unigram(std::move(table), std::move(scores), std::move(map)));
}

std::string Unigram::Normalize(std::string_view text) const {
  std::string mapped;
  mapped.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = DecodeUtf8(text.substr(pos));
    if (auto it = map_.find(c.code_point); it != map_.end()) {
      mapped += it->second;
    } else {
      mapped += text.substr(pos, c.size_bytes);
    }
    pos += c.size_bytes;
  }
  std::string composed = ToNfc(mapped);
  auto both_spaces = [](char a, char b) { return a == ' ' && b == ' '; };
  composed.erase(std::unique(composed.begin(), composed.end(), both_spaces), composed.end());
  return composed;
}

void Unigram::EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const {
  std::string marked;
  marked.reserve(text.size() + text.size() / 4 + kWordMark.size());
  if (text.front() != ' ' && !text.starts_with(kWordMark)) marked = kWordMark;
  for (char c : text) {
    if (c == ' ') {
      marked += kWordMark;
    } else {
      marked.push_back(c);
    }
  }
  for (size_t begin = 0; begin < marked.size();) {
    const size_t end = std::min(marked.find(kWordMark, begin + kWordMark.size()), marked.size());
    EncodeWord(std::string_view(marked).substr(begin, end - begin), ids);
    begin = end;
  }
}

// Viterbi over byte offsets. Of equal paths the first found stays, as in the reference
// implementation (huggingface/tokenizers, unigram/model.rs, encode_optimized).
void Unigram::EncodeWord(std::string_view word, std::vector<int32_t>& ids) const {
  struct Best {
    double score = 0;
    int32_t id = -1;
    uint32_t length = 0;  // 0: not reached yet
  };
  std::vector<Best> best(word.size() + 1);
  auto offer = [&best](size_t begin, size_t length, double score, int32_t id) {
    Best& target = best[begin + length];
    if (target.length == 0 || score > target.score) {
      target = {score, id, static_cast<uint32_t>(length)};
    }
  };
  for (size_t begin = 0; begin < word.size();) {
    const double base = best[begin].score;
    const size_t char_bytes = DecodeUtf8(word.substr(begin)).size_bytes;
    bool has_single = false;
    trie_.ForEachPrefix(word.substr(begin), [&](size_t length, int32_t id) {
      offer(begin, length, base + static_cast<double>(scores_[static_cast<size_t>(id)]), id);
      has_single = has_single || length == char_bytes;
    });
    if (!has_single) offer(begin, char_bytes, base + unknown_score_, table().unknown);
    begin += char_bytes;
  }
  const size_t first = ids.size();
  for (size_t end = word.size(); end > 0; end -= best[end].length) {
    const int32_t id = best[end].id;
    // Unknown characters in a row are one token.
    if (id == table().unknown && ids.size() > first && ids.back() == id) continue;
    ids.push_back(id);
  }
  std::reverse(ids.begin() + static_cast<ptrdiff_t>(first), ids.end());
}

std::string Unigram::PieceBytes(int32_t id) const {
  std::string text = table().pieces[static_cast<size_t>(id)];
  for (size_t at = text.find(kWordMark); at != std::string::npos; at = text.find(kWordMark, at)) {
    text.replace(at, kWordMark.size(), " ");
  }
  return text;
}

std::string Unigram::Decode(const std::vector<int32_t>& ids, bool skip_special) const {
  std::string text;
  bool first = true;
  for (int32_t id : ids) {
    if (!Printed(id, skip_special)) continue;
    std::string piece = PieceBytes(id);
    if (first) std::erase(piece, ' ');  // the mark put in front of the text
    first = false;
    text += piece;
  }
  return SanitizeUtf8(text);
}

}  // namespace hadal::inference
