#include "retrieval/chunk/sentence_splitter.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

bool IsTerminal(char32_t c) {
  return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF61 || c == '.' || c == '!' ||
         c == '?';
}

/// Closing marks that belong to the sentence they follow.
bool IsCloser(char32_t c) {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == 0x201D || c == 0x2019 ||
         c == 0x300D || c == 0x300F || c == 0xFF09 || c == 0x3011 || c == 0x300B;
}

/// Places where a too long sentence may be cut.
bool IsPause(char32_t c) {
  return c == 0xFF0C || c == 0xFF1B || c == 0x3001 || c == 0xFF1A || c == ',' || c == ';' ||
         c == ':' || c == 0x2026 || IsSpace(c);
}

/// The word before a full stop that ends no sentence: initials, titles, "No.".
bool IsAbbreviation(std::string_view before_stop) {
  size_t begin = before_stop.size();
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(before_stop[begin - 1]))) --begin;
  const std::string_view word = before_stop.substr(begin);
  if (word.size() == 1 && std::isupper(static_cast<unsigned char>(word[0]))) return true;
  for (std::string_view known :
       {"No", "no",     "Mr",  "Ms",  "Mrs", "Dr",   "Prof", "St", "Fig", "fig", "Sec", "Art", "Ch",
        "vs", "approx", "Inc", "Ltd", "Co",  "Corp", "ca",   "cf", "eq",  "Eq",  "Vol", "pp"}) {
    if (word == known) return true;
  }
  return false;
}

/// Whether a terminal mark at [at, after) ends a sentence, given what follows.
bool EndsSentence(std::string_view text, size_t at, size_t after, char32_t c) {
  if (c != '.' && c != '!' && c != '?') return true;
  if (after >= text.size()) return true;
  const char32_t next = DecodeUtf8(text.substr(after)).code_point;
  if (IsCjk(next))
    return c != '.' || at == 0 || !std::isdigit(static_cast<unsigned char>(text[at - 1]));
  if (!IsSpace(next) && !IsCloser(next)) return false;
  if (c == '.' && IsAbbreviation(text.substr(0, at))) return false;
  size_t following = after;
  while (following < text.size()) {
    const DecodedChar decoded = DecodeUtf8(text.substr(following));
    if (!IsSpace(decoded.code_point) && !IsCloser(decoded.code_point)) {
      return !(decoded.code_point >= 'a' && decoded.code_point <= 'z');
    }
    following += decoded.size_bytes;
    // A run of blanks is looked at once per stop: bounded, so that the whole stays linear.
    if (following - after > 16) return true;
  }
  return true;
}

}  // namespace

double CharWeight(char32_t c) { return IsCjk(c) ? 1.0 : 1.0 / 3; }

std::vector<Sentence> SplitSentences(std::string_view text, double max_weight) {
  std::vector<Sentence> sentences;
  Sentence current;
  Sentence until_pause;  // `current` as it was after its last pause; num_chars 0 without one
  size_t at = 0;
  const auto cut = [&](const Sentence& piece) {
    sentences.push_back(piece);
    const Sentence rest{piece.end_byte, at, current.num_chars - piece.num_chars,
                        current.weight - piece.weight};
    current = rest;
    until_pause = Sentence();
  };
  while (at < text.size()) {
    const DecodedChar c = DecodeUtf8(text.substr(at));
    const double weight = CharWeight(c.code_point);
    while (current.weight + weight > max_weight && current.num_chars > 0) {
      current.end_byte = at;
      cut(until_pause.num_chars > 0 && until_pause.weight > max_weight / 2 ? until_pause : current);
    }
    const size_t start = at;
    at += c.size_bytes;
    ++current.num_chars;
    current.weight += weight;
    current.end_byte = at;
    if (IsPause(c.code_point)) until_pause = current;
    if (!IsTerminal(c.code_point) || !EndsSentence(text, start, at, c.code_point)) continue;
    // Closing marks belong to the sentence, then blanks; a quotation mark after them opens the
    // next.
    bool blank = false;
    while (at < text.size()) {
      const DecodedChar next = DecodeUtf8(text.substr(at));
      const bool is_space = IsSpace(next.code_point);
      const bool closes = IsCloser(next.code_point) || next.code_point == c.code_point;
      if (!(is_space || (closes && !blank))) break;
      if (current.weight + CharWeight(next.code_point) > max_weight) break;
      blank = blank || is_space;
      at += next.size_bytes;
      ++current.num_chars;
      current.weight += CharWeight(next.code_point);
    }
    current.end_byte = at;
    cut(current);
  }
  if (current.num_chars > 0) {
    current.end_byte = at;
    cut(current);
  }
  return sentences;
}

}  // namespace hadal::retrieval
