#include <unicode/brkiter.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "services/answer/text.h"

namespace hadal::answer {
namespace {

bool IsWordChar(char32_t c) {
  return !IsCjk(c) && (u_isalpha(static_cast<UChar32>(c)) || (c >= U'0' && c <= U'9'));
}
bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// Characters that join parts of an identifier, a number or a date when word characters stand on
/// both sides.
bool IsJoiner(char32_t c) {
  return c == U'-' || c == U'.' || c == U'/' || c == U',' || c == U'_' || c == U':';
}

/// Cuts the endings that most often differ between an English question and its source.
std::u32string Stem(std::u32string word) {
  const auto cut = [&](std::u32string_view ending, size_t keep) {
    if (word.size() < ending.size() + keep || !word.ends_with(ending)) return false;
    word.resize(word.size() - ending.size());
    return true;
  };
  if (cut(U"'s", 1)) return Stem(word);
  if (cut(U"ies", 2)) return word + U'y';
  const bool singular = word.ends_with(U"ss") || word.ends_with(U"us") || word.ends_with(U"is");
  if (!singular) cut(U"s", 3);
  if (!cut(U"ing", 3)) cut(U"ed", 3);
  if (word.size() > 4 && word[word.size() - 1] == word[word.size() - 2] && word.back() != U'l' &&
      word.back() != U's') {
    word.pop_back();
  }
  if (word.size() > 3) cut(U"e", 3);
  return word;
}

/// Taken out before words are cut: dictionaries join some of them with their neighbours.
constexpr std::array kQuestionPhrases = {
    U"有没有", U"能不能", U"可不可以", U"是不是", U"为什么", U"什么时候", U"什么样", U"是什么",
    U"分别是", U"各是", U"多少钱", U"多少", U"多久", U"多长", U"多大", U"多高", U"什么", U"怎么样", U"怎么办",
    U"怎么", U"怎样", U"如何", U"是否", U"哪些", U"哪个", U"哪里", U"哪儿", U"哪种", U"哪类", U"哪",
    U"几个", U"几天", U"几点", U"几", U"请问", U"告诉我", U"谁"};

/// Chinese words that bind others, or that any sentence may hold.
constexpr std::array kChineseStopWords = {
    U"的", U"了", U"是", U"在", U"和", U"与", U"或", U"及", U"由", U"被", U"把", U"就", U"都", U"也",
    U"该", U"要", U"会", U"能", U"可", U"应", U"需", U"须", U"有", U"为", U"对", U"从", U"到", U"于",
    U"中", U"里", U"上", U"下", U"时", U"以", U"按", U"将", U"让", U"给", U"之", U"其", U"这", U"那",
    U"吗", U"呢", U"吧", U"啊", U"才", U"再", U"还", U"又", U"而", U"但", U"并", U"且", U"若", U"如",
    U"等", U"所", U"地", U"得", U"着", U"过", U"个", U"一", U"最", U"很", U"不", U"想", U"来", U"去",
    U"可以", U"能够", U"应当", U"应该", U"必须", U"需要", U"以及", U"如果", U"多少", U"叫", U"每",
    U"您", U"你", U"我", U"他", U"各", U"此", U"已", U"已经", U"还要", U"一共", U"情况", U"进行",
    U"说明", U"规定", U"使用", U"只", U"则", U"做", U"用", U"内", U"元", U"天", U"年"};

constexpr std::array kStopWords = {
    U"a", U"an", U"the", U"of", U"to", U"in", U"on", U"at", U"by", U"for", U"from", U"with", U"and",
    U"or", U"is", U"are", U"was", U"were", U"be", U"been", U"do", U"does", U"did", U"has", U"have",
    U"had", U"can", U"could", U"may", U"must", U"should", U"will", U"would", U"shall", U"it",
    U"its", U"this", U"that", U"these", U"those", U"there", U"what", U"which", U"who", U"whom",
    U"whose", U"when", U"where", U"why", U"how", U"much", U"many", U"long", U"often", U"if", U"as",
    U"than", U"then", U"i", U"you", U"we", U"they", U"he", U"she", U"my", U"your", U"our", U"their",
    U"me", U"not", U"no", U"any", U"some", U"all", U"each", U"every", U"into", U"after", U"before",
    U"about", U"happen", U"get", U"please", U"tell", U"under"};

bool IsStopWord(std::u32string_view word) {
  return std::find(kStopWords.begin(), kStopWords.end(), word) != kStopWords.end();
}

bool IsChineseStopWord(std::u32string_view word) {
  return std::find(kChineseStopWords.begin(), kChineseStopWords.end(), word) !=
         kChineseStopWords.end();
}

/// Ends of the words of a CJK run, by ICU's dictionary.
std::vector<int32_t> WordEnds(std::u32string_view run) {
  std::vector<int32_t> ends;
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> words(
      icu::BreakIterator::createWordInstance(icu::Locale::getChina(), error));
  if (U_FAILURE(error)) return {static_cast<int32_t>(run.size())};
  const icu::UnicodeString text = icu::UnicodeString::fromUTF32(
      reinterpret_cast<const UChar32*>(run.data()), static_cast<int32_t>(run.size()));
  words->setText(text);
  words->first();
  for (int32_t end = words->next(); end != icu::BreakIterator::DONE; end = words->next()) {
    ends.push_back(text.countChar32(0, end));
  }
  return ends;
}

void AddContentWords(std::u32string_view run, std::vector<Term>& out) {
  int32_t begin = 0;
  bool joins = false;  // the word before it was a content word
  for (const int32_t end : WordEnds(run)) {
    const std::u32string_view word = run.substr(begin, end - begin);
    const bool content = !IsChineseStopWord(word);
    if (content && joins) out.push_back({std::u32string(run.substr(begin - 1, 2)), false, true});
    if (content && word.size() == 1) out.push_back({std::u32string(word)});
    for (size_t i = 0; content && i + 1 < word.size(); ++i) {
      out.push_back({std::u32string(word.substr(i, 2))});
    }
    joins = content;
    begin = end;
  }
}

void AddCjkTerms(std::u32string_view run, std::vector<Term>& out) {
  if (run.size() == 1) out.push_back({std::u32string(run)});
  for (size_t i = 0; i + 1 < run.size(); ++i) out.push_back({std::u32string(run.substr(i, 2))});
}

void AddWord(std::u32string_view word, bool content_only, std::vector<Term>& out) {
  const bool identifier = std::any_of(word.begin(), word.end(), IsDigit);
  if (identifier) {
    std::u32string plain(word);
    std::erase(plain, U',');
    out.push_back({plain, true});
    return;
  }
  if (content_only && IsStopWord(word)) return;
  // "no-claims" is two words; only identifiers keep their joiners.
  size_t begin = 0;
  for (size_t i = 0; i <= word.size(); ++i) {
    if (i < word.size() && !IsJoiner(word[i])) continue;
    if (i > begin) {
      std::u32string part = Stem(std::u32string(word.substr(begin, i - begin)));
      if (!content_only || (!IsStopWord(part) && part.size() > 1)) out.push_back({part});
    }
    begin = i + 1;
  }
}

std::vector<Term> CollectTerms(std::u32string_view folded, bool content_only) {
  std::vector<Term> terms;
  for (size_t i = 0; i < folded.size();) {
    size_t end = i;
    if (IsCjk(folded[i])) {
      while (end < folded.size() && IsCjk(folded[end])) ++end;
      const std::u32string_view run = folded.substr(i, end - i);
      content_only ? AddContentWords(run, terms) : AddCjkTerms(run, terms);
    } else if (IsWordChar(folded[i])) {
      while (end < folded.size() &&
             (IsWordChar(folded[end]) || folded[end] == U'\'' ||
              (IsJoiner(folded[end]) && end + 1 < folded.size() && IsWordChar(folded[end + 1])))) {
        ++end;
      }
      AddWord(folded.substr(i, end - i), content_only, terms);
    } else {
      end = i + 1;
    }
    i = end;
  }
  return terms;
}

}  // namespace

std::vector<Term> Terms(std::u32string_view folded) { return CollectTerms(folded, false); }

std::vector<Term> ContentTerms(std::u32string_view folded) {
  std::u32string text(folded);
  for (const std::u32string_view phrase : kQuestionPhrases) {
    for (size_t at = text.find(phrase); at != text.npos; at = text.find(phrase, at)) {
      text.replace(at, phrase.size(), U" ");
    }
  }
  return CollectTerms(text, true);
}

namespace {

/// Value of a Chinese digit, or nothing.
std::optional<int64_t> ChineseDigit(char32_t c) {
  constexpr std::u32string_view kDigits = U"零一二三四五六七八九";
  if (c == U'〇') return 0;
  if (c == U'两') return 2;
  const size_t at = kDigits.find(c);
  return at == kDigits.npos ? std::nullopt : std::optional<int64_t>(static_cast<int64_t>(at));
}

int64_t ChineseUnit(char32_t c) { return c == U'十' ? 10 : c == U'百' ? 100 : c == U'千' ? 1000 : 0; }

bool IsNumeral(char32_t c) { return ChineseDigit(c) || ChineseUnit(c) > 0; }

/// "三百二十" → 320, "二〇二五" → 2025. The run holds digits and units only.
std::string ChineseNumber(std::u32string_view run) {
  int64_t total = 0;
  int64_t digit = -1;
  bool units = false;
  std::string digits;
  for (const char32_t c : run) {
    if (const auto value = ChineseDigit(c)) {
      digit = *value;
      digits += static_cast<char>('0' + *value);
      continue;
    }
    units = true;
    total += (digit < 0 ? 1 : digit) * ChineseUnit(c);
    digit = -1;
  }
  if (!units) return digits;
  return std::to_string(total + std::max<int64_t>(digit, 0));
}

std::string Canonical(std::string digits) {
  if (digits.find('.') != std::string::npos) {
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
  }
  size_t zeros = 0;
  while (zeros + 1 < digits.size() && digits[zeros] == '0' && digits[zeros + 1] != '.') ++zeros;
  return digits.substr(zeros);
}

/// Moves the decimal point `places` to the right.
std::string Shift(const std::string& number, int places) {
  const size_t point = number.find('.');
  std::string whole = number.substr(0, point);
  std::string fraction = point == std::string::npos ? "" : number.substr(point + 1);
  fraction.resize(std::max(fraction.size(), static_cast<size_t>(places)), '0');
  whole += fraction.substr(0, places);
  fraction = fraction.substr(places);
  return Canonical(fraction.empty() ? whole : whole + "." + fraction);
}

int FactorPlaces(std::u32string_view rest) {
  while (!rest.empty() && rest.front() == U' ') rest.remove_prefix(1);
  if (rest.starts_with(U"万") || rest.starts_with(U"萬")) return 4;
  if (rest.starts_with(U"亿")) return 8;
  if (rest.starts_with(U"million")) return 6;
  if (rest.starts_with(U"billion")) return 9;
  if (rest.starts_with(U"thousand")) return 3;
  return 0;
}

bool IsMeasure(char32_t c) {
  return std::u32string_view(U"年月日天个项次倍成周小分秒元件份人级类种名台期轮档").find(c) !=
         std::u32string_view::npos;
}

constexpr std::array kEnglishNumbers = {
    U"zero", U"one", U"two", U"three", U"four", U"five", U"six", U"seven", U"eight", U"nine",
    U"ten", U"eleven", U"twelve"};

}  // namespace

std::vector<std::string> Numbers(std::u32string_view folded, bool quantities_only) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < folded.size();) {
    std::string digits;
    size_t end = i;
    if (IsDigit(folded[i])) {
      bool point = false;
      for (; end < folded.size(); ++end) {
        const char32_t c = folded[end];
        const bool digit_follows = end + 1 < folded.size() && IsDigit(folded[end + 1]);
        if (IsDigit(c)) {
          digits += static_cast<char>(c);
        } else if (c == U'.' && digit_follows && !point) {
          digits += '.';
          point = true;
        } else if (!(c == U',' && end + 3 < folded.size() && IsDigit(folded[end + 1]) &&
                     IsDigit(folded[end + 2]) && IsDigit(folded[end + 3]))) {
          break;
        }
      }
    } else if (IsNumeral(folded[i])) {
      while (end < folded.size() && IsNumeral(folded[end])) ++end;
      // "统一" and "一律" hold no quantity.
      const bool quantity = end - i > 1 || (end < folded.size() && IsMeasure(folded[end]));
      if (quantity || !quantities_only) digits = ChineseNumber(folded.substr(i, end - i));
    } else if (IsWordChar(folded[i])) {
      while (end < folded.size() && IsWordChar(folded[end]) && !IsDigit(folded[end])) ++end;
      const auto word = std::find(kEnglishNumbers.begin(), kEnglishNumbers.end(),
                                  folded.substr(i, end - i));
      const bool one = word == kEnglishNumbers.begin() + 1;
      if (word != kEnglishNumbers.end() && !(one && quantities_only)) {
        digits = std::to_string(word - kEnglishNumbers.begin());
      }
    } else {
      end = i + 1;
    }
    if (!digits.empty()) {
      numbers.push_back(Canonical(digits));
      const int places = FactorPlaces(folded.substr(end));
      if (places > 0) numbers.push_back(Shift(numbers.back(), places));
    }
    i = end;
  }
  return numbers;
}

}  // namespace hadal::answer
