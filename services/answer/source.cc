#include "services/answer/source.h"

#include <algorithm>
#include <set>
#include <utility>

#include "services/answer/instructions.h"
#include "services/answer/passage.h"

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

/// The column names that rows at the beginning of a chunk stand under.
std::u32string ContextHeader(std::u32string_view context) {
  std::u32string header;
  for (const Span span : SplitSentences(context)) {
    const std::u32string_view line = context.substr(span.begin, span.size());
    if (CountCells(line) > 1 && NamesColumns(line)) header = line;
  }
  return header;
}

/// The context's lines but for instructions and `header`, whose names the rows carry already.
std::u32string Lead(std::u32string_view context, std::u32string_view header) {
  std::u32string lead;
  for (const Span span : SplitSentences(context)) {
    const std::u32string_view line = context.substr(span.begin, span.size());
    if (line == header || IsInstruction(Fold(line))) continue;
    lead += WithoutMarkers(line) + U"\n";
  }
  return lead;
}

/// The column names of the table we are in.
struct TableHeader {
  int32_t index = kNoHeader;  ///< the sentence that holds them, or kContextHeader
  std::u32string names;
};

Sentence MakeSentence(const Source& source, Span span, const TableHeader& header) {
  const std::u32string_view text = std::u32string_view(source.text).substr(span.begin, span.size());
  Sentence sentence;
  sentence.span = span;
  sentence.cells = CountCells(text);
  sentence.header = header.index;
  std::u32string shown = WithoutMarkers(text);
  std::u32string compared(text);
  if (header.index != kNoHeader) {
    shown = RowWithNames(WithoutMarkers(header.names), shown);
    compared.append(U"\n").append(header.names);
  }
  if (!IsInstruction(Fold(text))) sentence.prompt_text = std::move(shown);
  sentence.chinese = HasLetters(text) ? IsChinese(text) : source.chinese;
  sentence.folded = Fold(compared);
  sentence.terms = Distinct(Terms(sentence.folded));
  sentence.numbers = Numbers(sentence.folded, false);
  return sentence;
}

/// `first_header`: see ContextHeader().
void AddSentences(Source& source, const std::u32string& first_header) {
  TableHeader header;
  if (!first_header.empty()) header = {kContextHeader, first_header};
  for (const Span span : SplitSentences(source.text)) {
    const std::u32string_view text =
        std::u32string_view(source.text).substr(span.begin, span.size());
    const int32_t cells = CountCells(text);
    const bool is_row = cells > 1 && header.index != kNoHeader && cells == CountCells(header.names);
    if (is_row && header.index >= 0) source.sentences[header.index].is_header = true;
    source.sentences.push_back(MakeSentence(source, span, is_row ? header : TableHeader()));
    if (is_row) continue;
    header = TableHeader();
    if (cells > 1 && NamesColumns(text)) {
      header = {static_cast<int32_t>(source.sentences.size()) - 1, std::u32string(text)};
    }
  }
}

std::vector<Term> AllTerms(const Source& source) {
  std::vector<Term> all;
  for (const Sentence& sentence : source.sentences) {
    if (sentence.beside) continue;
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

/// Says of each sentence which chunk it begins in.
void PlaceSentences(const Passage& passage, Source& source) {
  for (Sentence& sentence : source.sentences) {
    sentence.beside =
        sentence.span.end <= passage.own.begin || sentence.span.begin >= passage.own.end;
    for (const Passage::Part& part : passage.parts) {
      if (part.span.begin <= sentence.span.begin) sentence.chunk = part.chunk;
    }
  }
}

Source MakeSource(const internal::v1::Hit& hit, Passage passage) {
  Source source;
  source.hit = &hit;
  source.text = std::move(passage.text);
  source.start = passage.start;
  source.chinese = IsChinese(source.text);
  const std::u32string above = ToCodePoints(passage.parts.front().chunk->context());
  const std::u32string header = ContextHeader(above);
  source.lead = Lead(above, header);
  AddSentences(source, header);
  PlaceSentences(passage, source);
  std::string context = hit.chunk().title();
  for (const std::string& heading : hit.heading_path()) context += "\n" + heading;
  context += "\n" + hit.context();
  source.context = Fold(ToCodePoints(context));
  source.context_terms = Distinct(Terms(source.context));
  return source;
}

}  // namespace

std::vector<Source> PrepareSources(const internal::v1::SearchResponse& hits, Extent extent) {
  std::set<std::string> found;
  for (const internal::v1::Hit& hit : hits.hits()) found.insert(hit.chunk().chunk_id());
  std::vector<Source> sources;
  std::vector<std::vector<Term>> seen;
  for (const internal::v1::Hit& hit : hits.hits()) {
    Passage passage = extent == Extent::kChunk ? PassageOf(hit) : PassageOf(hit, found);
    Source source = MakeSource(hit, std::move(passage));
    std::vector<Term> terms = AllTerms(source);
    const bool duplicate = std::any_of(
        seen.begin(), seen.end(), [&](const auto& other) { return NearDuplicate(terms, other); });
    if (duplicate || source.sentences.empty()) continue;
    seen.push_back(std::move(terms));
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace hadal::answer
