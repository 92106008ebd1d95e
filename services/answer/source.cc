#include "services/answer/source.h"

#include <algorithm>

#include "services/answer/instructions.h"

namespace hadal::answer {

std::vector<Term> Distinct(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

bool Contains(const std::vector<Term>& sorted, const Term& term) {
  return std::binary_search(sorted.begin(), sorted.end(), term);
}

bool Contains(const Sentence& sentence, const Term& term) {
  return IsCjk(term.text[0]) ? sentence.folded.find(term.text) != std::u32string::npos
                             : Contains(sentence.terms, term);
}

namespace {

/// Two chunks sharing this part of the smaller one's terms say the same.
constexpr double kDuplicateShare = 0.9;

/// "name: value" pairs: a small model finds the right cell of a row far more often in this form.
std::u32string RowWithNames(std::u32string_view header, std::u32string_view row) {
  const std::vector<std::u32string> names = SplitCells(header);
  const std::vector<std::u32string> cells = SplitCells(row);
  std::u32string out;
  for (size_t i = 0; i < cells.size() && i < names.size(); ++i) {
    if (i > 0) out += U"; ";
    out += names[i] + U": " + cells[i];
  }
  return out;
}

/// A chunk may begin inside a table: a row with a bare number or date names no columns.
bool NamesColumns(std::u32string_view row) {
  const std::vector<std::u32string> cells = SplitCells(row);
  return std::none_of(cells.begin(), cells.end(), [](const std::u32string& cell) {
    return std::all_of(cell.begin(), cell.end(), [](char32_t c) {
      return c < 0x80 && !(c >= U'a' && c <= U'z') && !(c >= U'A' && c <= U'Z');
    });
  });
}

void AddSentences(Source& source) {
  int32_t header = -1;  // of the table we are in
  for (const Span span : SplitSentences(source.text)) {
    const std::u32string_view text =
        std::u32string_view(source.text).substr(span.begin, span.size());
    Sentence sentence;
    sentence.span = span;
    sentence.cells = CountCells(text);
    const auto index = static_cast<int32_t>(source.sentences.size());
    if (sentence.cells < 2) {
      header = -1;
    } else if (header >= 0 && source.sentences[header].cells == sentence.cells) {
      sentence.header = header;
      source.sentences[header].is_header = true;
    } else {
      header = NamesColumns(text) ? index : -1;
    }
    std::u32string shown = WithoutMarkers(text);
    std::u32string compared(text);
    if (sentence.header >= 0) {
      const Span names = source.sentences[header].span;
      const auto name_text = std::u32string_view(source.text).substr(names.begin, names.size());
      shown = RowWithNames(WithoutMarkers(name_text), shown);
      compared.append(U"\n").append(name_text);
    }
    if (!IsInstruction(Fold(text))) sentence.prompt_text = std::move(shown);
    sentence.chinese = HasLetters(text) ? IsChinese(text) : source.chinese;
    sentence.folded = Fold(compared);
    sentence.terms = Distinct(Terms(sentence.folded));
    sentence.numbers = Numbers(sentence.folded, false);
    source.sentences.push_back(std::move(sentence));
  }
}

std::vector<Term> AllTerms(const Source& source) {
  std::vector<Term> all;
  for (const Sentence& sentence : source.sentences) {
    all.insert(all.end(), sentence.terms.begin(), sentence.terms.end());
  }
  return Distinct(std::move(all));
}

bool NearDuplicate(const std::vector<Term>& a, const std::vector<Term>& b) {
  std::vector<Term> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  const size_t smaller = std::min(a.size(), b.size());
  return smaller > 0 && static_cast<double>(common.size()) >= kDuplicateShare * smaller;
}

}  // namespace

std::vector<Source> PrepareSources(const internal::v1::SearchResponse& hits) {
  std::vector<Source> sources;
  std::vector<std::vector<Term>> seen;
  for (const internal::v1::Hit& hit : hits.hits()) {
    Source source;
    source.hit = &hit;
    source.text = ToCodePoints(hit.chunk().text());
    source.chinese = IsChinese(source.text);
    AddSentences(source);
    std::vector<Term> terms = AllTerms(source);
    const bool duplicate = std::any_of(seen.begin(), seen.end(), [&](const auto& other) {
      return NearDuplicate(terms, other);
    });
    if (duplicate || source.sentences.empty()) continue;
    seen.push_back(std::move(terms));
    std::string context = hit.chunk().title();
    for (const std::string& heading : hit.heading_path()) context += "\n" + heading;
    context += "\n" + hit.context();
    source.context = Fold(ToCodePoints(context));
    source.context_terms = Distinct(Terms(source.context));
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace hadal::answer
