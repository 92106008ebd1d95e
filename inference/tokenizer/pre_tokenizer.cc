#include "inference/tokenizer/pre_tokenizer.h"

#include <string>

#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {
namespace {

// Cuts one range [begin, end) of a classified text, which is all a pattern may see.
class Range {
 public:
  Range(const ClassifiedText& text, size_t begin, size_t end)
      : text_(text), pos_(begin), end_(end) {}

  size_t pos() const { return pos_; }
  bool done() const { return pos_ >= end_; }
  bool Is(size_t i, uint8_t classes) const { return i < end_ && (text_.classes[i] & classes) != 0; }
  bool IsNot(size_t i, uint8_t classes) const {
    return i < end_ && (text_.classes[i] & classes) == 0;
  }
  char32_t At(size_t i) const { return i < end_ ? text_.code_points[i] : 0; }
  size_t SkipWhile(size_t i, uint8_t classes) const {
    while (Is(i, classes)) ++i;
    return i;
  }
  size_t SkipUntil(size_t i, uint8_t classes) const {
    while (IsNot(i, classes)) ++i;
    return i;
  }
  void Advance(size_t to) { pos_ = to; }

  // 's 't 're 've 'm 'll 'd; the end of the match, or pos() when there is none.
  size_t Contraction(bool ignore_case) const {
    if (At(pos_) != '\'') return pos_;
    const char32_t a = Fold(At(pos_ + 1), ignore_case);
    const char32_t b = Fold(At(pos_ + 2), ignore_case);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return pos_ + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return pos_ + 3;
    return pos_;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+ (the first only with `newlines`); pos() when there is no white space.
  size_t WhiteSpace(bool newlines) const {
    const size_t stop = SkipWhile(pos_, kSpace);
    if (newlines) {
      for (size_t i = stop; i > pos_; --i) {
        if (text_.classes[i - 1] & kNewline) return i;
      }
    }
    return stop < end_ && stop - pos_ > 1 ? stop - 1 : stop;
  }

 private:
  // The long s folds to s under Unicode's case-insensitive matching.
  static char32_t Fold(char32_t c, bool ignore_case) {
    if (!ignore_case) return c;
    if (c >= 'A' && c <= 'Z') return c + 32;
    return c == 0x17F ? U's' : c;
  }

  const ClassifiedText& text_;
  size_t pos_;
  const size_t end_;
};

// Qwen2 (max_digits 1) and Llama 3 (3):
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
size_t NextQwen(const Range& r, size_t max_digits) {
  const size_t pos = r.pos();
  if (const size_t end = r.Contraction(/*ignore_case=*/true); end > pos) return end;
  if (r.Is(pos, kLetter)) return r.SkipWhile(pos, kLetter);
  if (r.IsNot(pos, kNewline | kNumber) && r.Is(pos + 1, kLetter)) {
    return r.SkipWhile(pos + 1, kLetter);
  }
  if (r.Is(pos, kNumber)) {
    size_t end = pos + 1;
    while (end - pos < max_digits && r.Is(end, kNumber)) ++end;
    return end;
  }
  const size_t mark = r.At(pos) == ' ' ? pos + 1 : pos;
  if (r.IsNot(mark, kSpace | kLetter | kNumber)) {
    return r.SkipWhile(r.SkipUntil(mark, kSpace | kLetter | kNumber), kNewline);
  }
  return r.WhiteSpace(/*newlines=*/true);
}

// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t NextGpt2(const Range& r) {
  const size_t pos = r.pos();
  if (const size_t end = r.Contraction(/*ignore_case=*/false); end > pos) return end;
  const size_t first = r.At(pos) == ' ' ? pos + 1 : pos;
  if (r.Is(first, kLetter)) return r.SkipWhile(first, kLetter);
  if (r.Is(first, kNumber)) return r.SkipWhile(first, kNumber);
  if (r.IsNot(first, kSpace | kLetter | kNumber)) {
    return r.SkipUntil(first, kSpace | kLetter | kNumber);
  }
  return r.WhiteSpace(/*newlines=*/false);
}

bool IsAsciiLetter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsAsciiPunctuation(char32_t c) {
  return c > ' ' && c < 0x7F && !IsAsciiLetter(c) && !(c >= '0' && c <= '9');
}

// DeepSeek-V3's last split: [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
//  ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ . Returns pos() where nothing matches.
size_t NextDeepSeek(const Range& r) {
  const size_t pos = r.pos();
  if (IsAsciiPunctuation(r.At(pos)) && IsAsciiLetter(r.At(pos + 1))) {
    size_t end = pos + 2;
    while (IsAsciiLetter(r.At(end))) ++end;
    return end;
  }
  if (r.Is(pos, kLetter | kMark)) return r.SkipWhile(pos, kLetter | kMark);
  if (r.IsNot(pos, kNewline | kPunctuation | kSymbol) && r.Is(pos + 1, kLetter | kMark)) {
    return r.SkipWhile(pos + 1, kLetter | kMark);
  }
  const size_t mark = r.At(pos) == ' ' ? pos + 1 : pos;
  if (r.Is(mark, kPunctuation | kSymbol)) {
    return r.SkipWhile(r.SkipWhile(mark, kPunctuation | kSymbol), kNewline);
  }
  return r.WhiteSpace(/*newlines=*/true);
}

// Every match is a word, and so is every stretch between two matches.
template <typename Next>
void SplitRange(const ClassifiedText& text, size_t begin, size_t end, Next next,
                std::vector<std::string_view>& words) {
  Range range(text, begin, end);
  size_t gap = begin;
  while (!range.done()) {
    const size_t pos = range.pos();
    const size_t stop = next(range);
    if (stop == pos) {
      range.Advance(pos + 1);
      continue;
    }
    if (pos > gap) words.push_back(text.Slice(gap, pos));
    words.push_back(text.Slice(pos, stop));
    range.Advance(stop);
    gap = stop;
  }
  if (end > gap) words.push_back(text.Slice(gap, end));
}

bool IsDeepSeekCjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF);
}

// Cuts at the borders of digit groups (\p{N}{1,3}) and CJK stretches first; the last split then
// works inside each part.
void SplitDeepSeek(const ClassifiedText& text, std::vector<std::string_view>& words) {
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = begin + 1;
    if (text.classes[begin] & kNumber) {
      while (end < text.size() && end - begin < 3 && (text.classes[end] & kNumber)) ++end;
    } else {
      const bool cjk = IsDeepSeekCjk(text.code_points[begin]);
      while (end < text.size() && !(text.classes[end] & kNumber) &&
             IsDeepSeekCjk(text.code_points[end]) == cjk) {
        ++end;
      }
    }
    SplitRange(text, begin, end, NextDeepSeek, words);
    begin = end;
  }
}

void SplitGpt2Digits(const ClassifiedText& text, std::vector<std::string_view>& words) {
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = begin + 1;
    if (!(text.classes[begin] & kNumber)) {
      while (end < text.size() && !(text.classes[end] & kNumber)) ++end;
    }
    SplitRange(text, begin, end, NextGpt2, words);
    begin = end;
  }
}

}  // namespace

std::vector<std::string_view> SplitWords(PreTokenizer kind, std::string_view utf8) {
  const ClassifiedText text(utf8);
  std::vector<std::string_view> words;
  auto qwen = [](size_t max_digits) {
    return [max_digits](const Range& range) { return NextQwen(range, max_digits); };
  };
  switch (kind) {
    case PreTokenizer::kGpt2: SplitRange(text, 0, text.size(), NextGpt2, words); break;
    case PreTokenizer::kGpt2Digits: SplitGpt2Digits(text, words); break;
    case PreTokenizer::kQwen2: SplitRange(text, 0, text.size(), qwen(1), words); break;
    case PreTokenizer::kLlama3: SplitRange(text, 0, text.size(), qwen(3), words); break;
    case PreTokenizer::kDeepSeekV3: SplitDeepSeek(text, words); break;
  }
  return words;
}

}  // namespace hadal::inference
