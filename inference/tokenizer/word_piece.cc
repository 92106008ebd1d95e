#include "inference/tokenizer/word_piece.h"

#include <utility>

#include "base/utf8.h"
#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {
namespace {

// The blocks BERT's tokenizer sets apart (google-research/bert, tokenization.py, _is_chinese_char).
bool IsChineseChar(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool IsBertPunctuation(char32_t c, uint8_t classes) {
  const bool ascii_symbol = c < 0x80 && (classes & kSymbol);
  return ascii_symbol || (classes & kPunctuation);
}

std::string WithoutMarks(std::string_view text) {
  const std::string decomposed = ToNfd(text);
  const ClassifiedText classified(decomposed);
  std::string out;
  for (size_t i = 0; i < classified.size(); ++i) {
    if (!IsNonSpacingMark(classified.code_points[i])) out += classified.Slice(i, i + 1);
  }
  return out;
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// huggingface/tokenizers, decoders/wordpiece.rs, cleanup().
void CleanUp(std::string& text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},     {" ?", "?"},    {" !", "!"},          {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"},
      {" 're", "'re"}};
  for (const auto& [from, to] : kRules) ReplaceAll(text, from, to);
}

}  // namespace

StatusOr<std::shared_ptr<const Tokenizer>> WordPiece::Create(TokenTable table,
                                                             const WordPieceOptions& options,
                                                             std::string_view path) {
  if (!table.Contains(table.unknown)) {
    return InvalidArgument("{}: the WordPiece model names no unknown token", path);
  }
  return std::shared_ptr<const Tokenizer>(new WordPiece(std::move(table), options));
}

std::string WordPiece::Normalize(std::string_view text) const {
  const ClassifiedText classified(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < classified.size(); ++i) {
    const char32_t c = classified.code_points[i];
    const uint8_t classes = classified.classes[i];
    if (c == '\t' || c == '\n' || c == '\r') {
      out.push_back(' ');
    } else if (c == 0 || c == kReplacementCharacter || (classes & kOther)) {
      continue;  // control characters, also those that count as white space
    } else if (classes & kSpace) {
      out.push_back(' ');
    } else if (IsChineseChar(c)) {
      out.append(" ").append(classified.Slice(i, i + 1)).append(" ");
    } else {
      out += classified.Slice(i, i + 1);
    }
  }
  return options_.lowercase ? ToLowerCase(WithoutMarks(out)) : out;
}

void WordPiece::EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const {
  const ClassifiedText classified(text);
  auto is_mark = [&classified](size_t i) {
    return IsBertPunctuation(classified.code_points[i], classified.classes[i]);
  };
  for (size_t begin = 0; begin < classified.size();) {
    if (classified.classes[begin] & kSpace) {
      ++begin;
      continue;
    }
    size_t end = begin + 1;
    if (!is_mark(begin)) {
      while (end < classified.size() && !(classified.classes[end] & kSpace) && !is_mark(end)) ++end;
    }
    EncodeWord(classified.Slice(begin, end), end - begin, ids);
    begin = end;
  }
}

void WordPiece::EncodeWord(std::string_view word, size_t num_chars,
                           std::vector<int32_t>& ids) const {
  const size_t first = ids.size();
  const bool too_long = num_chars > options_.max_word_chars;  // also bounds the search below
  for (size_t begin = 0; begin < word.size() && !too_long;) {
    int32_t id = -1;
    size_t end = word.size();
    std::string piece = begin == 0 ? "" : options_.continuation;
    const size_t mark = piece.size();
    piece += word.substr(begin);
    while (end > begin) {
      id = table().Find(std::string_view(piece).substr(0, mark + end - begin));
      if (id >= 0 && kind(id) == TokenKind::kNormal) break;
      id = -1;
      do {
        --end;
      } while (end > begin && (static_cast<uint8_t>(word[end]) & 0xC0) == 0x80);
    }
    if (id < 0) {
      ids.resize(first);
      ids.push_back(table().unknown);
      return;
    }
    ids.push_back(id);
    begin = end;
  }
  if (too_long) ids.push_back(table().unknown);
}

std::string WordPiece::PieceBytes(int32_t id) const {
  const std::string& piece = table().pieces[static_cast<size_t>(id)];
  return piece.starts_with(options_.continuation) ? piece.substr(options_.continuation.size())
                                                  : " " + piece;
}

std::string WordPiece::Decode(const std::vector<int32_t>& ids, bool skip_special) const {
  std::string text;
  bool first = true;
  for (int32_t id : ids) {
    if (!Printed(id, skip_special)) continue;
    std::string piece = first ? table().pieces[static_cast<size_t>(id)] : PieceBytes(id);
    first = false;
    if (options_.clean_up) CleanUp(piece);
    text += piece;
  }
  return SanitizeUtf8(text);
}

}  // namespace hadal::inference
