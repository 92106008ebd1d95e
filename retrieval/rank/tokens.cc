#include "retrieval/rank/tokens.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <string>

#include "retrieval/rank/stop_words.h"

namespace hadal::retrieval {
namespace {

constexpr int kKindShift = 62;
constexpr TermId kUnigram = TermId{1} << kKindShift;
constexpr TermId kBigram = TermId{2} << kKindShift;
constexpr TermId kWord = TermId{3} << kKindShift;
constexpr int kCodePointBits = 21;

bool IsCjk(char32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF) ||
         (c >= 0x3005 && c <= 0x3007) || (c >= 0x3041 && c <= 0x30FF && c != 0x30FB) ||
         (c >= 0xAC00 && c <= 0xD7AF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2E80 && c <= 0x2FDF);
}

bool IsWordChar(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  if (IsCjk(c)) return false;
  const UChar32 u = static_cast<UChar32>(c);
  return u_isalnum(u) || (U_GET_GC_MASK(u) & U_GC_M_MASK) != 0;
}

bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }

// Joins the parts of one compound when word characters stand on both sides of it.
bool IsConnector(char32_t c) {
  switch (c) {
    case U'-':
    case U'_':
    case U'.':
    case U'/':
    case U':':
    case U'@':
    case U'#':
    case U'+':
    case U'&':
    case U'\'':
    case U'\u2019':
    case U'\u2010':
    case U'\u2013':
      return true;
    default:
      return false;
  }
}

// 64-bit FNV-1a over code points with a final mix, cut to 62 bits.
TermId WordId(std::u32string_view word) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char32_t c : word) hash = (hash ^ c) * 0x100000001b3ULL;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  return kWord | (hash >> 2);
}

// Harman's S-stemmer (1991): English plurals only, so a word never loses its meaning.
std::u32string_view StripPlural(std::u32string_view word, std::u32string& storage) {
  const auto letter = [](char32_t c) { return c >= U'a' && c <= U'z'; };
  if (word.size() <= 3 || word.back() != U's' || !std::all_of(word.begin(), word.end(), letter)) {
    return word;
  }
  const char32_t before = word[word.size() - 2];
  if (before == U'e') {
    const char32_t third = word[word.size() - 3];
    if (third == U'i') {
      const char32_t fourth = word[word.size() - 4];
      if (fourth == U'e' || fourth == U'a') return word;
      storage.assign(word.substr(0, word.size() - 3));
      storage.push_back(U'y');
      return storage;
    }
    if (third == U'a' || third == U'e' || third == U'o') return word;
    return word.substr(0, word.size() - 1);
  }
  if (before == U'u' || before == U's') return word;
  return word.substr(0, word.size() - 1);
}

class TermWriter {
 public:
  TermWriter(std::u32string_view text, bool content_only)
      : text_(text), content_only_(content_only) {}

  std::vector<TermId> Run() {
    terms_.reserve(text_.size() * 2);
    size_t i = 0;
    while (i < text_.size()) {
      if (IsCjk(text_[i])) {
        i = CjkRun(i);
      } else if (IsWordChar(text_[i])) {
        i = Compound(i);
      } else {
        ++i;
      }
    }
    return std::move(terms_);
  }

 private:
  size_t CjkRun(size_t i) {
    for (size_t begin = i; i < text_.size() && IsCjk(text_[i]); ++i) {
      const TermId c = text_[i];
      terms_.push_back(kUnigram | c);
      if (i > begin) terms_.push_back(kBigram | (TermId{text_[i - 1]} << kCodePointBits) | c);
    }
    return i;
  }

  // A comma between digit groups: "1,234,567" is one number.
  bool IsThousandsSeparator(size_t i) const {
    if (text_[i] != U',' || i == 0 || !IsDigit(text_[i - 1]) || i + 3 >= text_.size()) return false;
    for (size_t k = 1; k <= 3; ++k) {
      if (!IsDigit(text_[i + k])) return false;
    }
    return i + 4 >= text_.size() || !IsDigit(text_[i + 4]);
  }

  size_t Compound(size_t i) {
    word_.clear();
    part_ends_.clear();
    while (i < text_.size()) {
      if (IsWordChar(text_[i])) {
        word_.push_back(text_[i++]);
      } else if (IsThousandsSeparator(i)) {
        ++i;
      } else if (IsConnector(text_[i]) && i + 1 < text_.size() && IsWordChar(text_[i + 1])) {
        part_ends_.push_back(word_.size());
        word_.push_back(text_[i] == U'\u2010' || text_[i] == U'\u2013' ? U'-' : text_[i]);
        ++i;
      } else {
        break;
      }
    }
    part_ends_.push_back(word_.size());
    EmitCompound();
    return i;
  }

  void EmitCompound() {
    const std::u32string_view whole(word_);
    Emit(whole);
    const bool compound = part_ends_.size() > 1;
    const auto number_char = [](char32_t c) { return IsDigit(c) || c == U'.'; };
    if (part_ends_.size() == 2 && std::all_of(whole.begin(), whole.end(), number_char)) {
      return;  // a decimal: its halves mean nothing
    }
    size_t begin = 0;
    for (const size_t end : part_ends_) {
      const std::u32string_view part = whole.substr(begin, end - begin);
      if (compound && part.size() > 1) Emit(part);
      EmitDigitRuns(part);
      begin = end + 1;
    }
  }

  // "110kv" also gives "110" and "kv", so that "110 kV" finds it.
  void EmitDigitRuns(std::u32string_view part) {
    size_t begin = 0;
    for (size_t i = 1; i <= part.size(); ++i) {
      if (i < part.size() && IsDigit(part[i]) == IsDigit(part[i - 1])) continue;
      const bool whole = begin == 0 && i == part.size();
      if (!whole && i - begin > 1) Emit(part.substr(begin, i - begin));
      begin = i;
    }
  }

  void Emit(std::u32string_view word) {
    std::u32string storage;
    const std::u32string_view stem = StripPlural(word, storage);
    if (content_only_ && (IsStopWord(word) || IsStopWord(stem))) return;
    terms_.push_back(WordId(stem));
  }

  const std::u32string_view text_;
  const bool content_only_;
  std::u32string word_;
  std::vector<size_t> part_ends_;
  std::vector<TermId> terms_;
};

}  // namespace

StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create() {
  ASSIGN_OR_RETURN(std::unique_ptr<TextFolder> folder, TextFolder::Create());
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(folder)));
}

std::vector<TermId> Tokenizer::Terms(std::string_view text) const {
  const std::u32string folded = folder_->Fold(text);
  return TermWriter(folded, /*content_only=*/false).Run();
}

TermCounts Tokenizer::Count(std::string_view text) const { return CountTerms(Terms(text)); }

std::vector<TermId> Tokenizer::QueryTerms(std::string_view query) const {
  const std::u32string folded = folder_->Fold(query);
  const std::u32string content = BlankStopPhrases(folded);
  std::vector<TermId> terms = TermWriter(content, /*content_only=*/true).Run();
  if (terms.empty()) terms = TermWriter(folded, /*content_only=*/false).Run();
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

TermCounts CountTerms(std::vector<TermId> terms) {
  TermCounts counts;
  counts.length = static_cast<uint32_t>(terms.size());
  std::sort(terms.begin(), terms.end());
  for (const TermId term : terms) {
    if (counts.terms.empty() || counts.terms.back().first != term)
      counts.terms.push_back({term, 0});
    ++counts.terms.back().second;
  }
  return counts;
}

}  // namespace hadal::retrieval
