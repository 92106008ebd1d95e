#include "services/answer/citations.h"

#include "base/status.h"

namespace hadal::answer {
namespace {

/// Where the mark goes: before the punctuation that ends the sentence.
int32_t MarkPosition(const std::u32string& answer, Span span) {
  int32_t at = span.end;
  constexpr std::u32string_view kClosing = U"。.！!？?；;";
  while (at > span.begin + 1 && kClosing.find(answer[at - 1]) != kClosing.npos) --at;
  return at;
}

v1::Citation MakeCitation(const Source& source, int32_t sentence) {
  const v1::SearchHit& chunk = source.sentences[sentence].chunk->chunk();
  const Span span = source.sentences[sentence].span;
  v1::Citation citation;
  citation.set_document_id(chunk.document_id());
  citation.set_title(chunk.title());
  citation.set_chunk_id(chunk.chunk_id());
  citation.set_page(chunk.page());
  citation.set_start(source.start + span.begin);
  citation.set_end(source.start + span.end);
  citation.set_quote(ToUtf8(std::u32string_view(source.text).substr(span.begin, span.size())));
  return citation;
}

/// The number of `citation` in the list, where it is put if it is new.
int32_t Number(v1::Citation citation, std::vector<v1::Citation>& citations) {
  for (const v1::Citation& known : citations) {
    if (known.document_id() == citation.document_id() && known.start() == citation.start() &&
        known.end() == citation.end()) {
      return known.n();
    }
  }
  citation.set_n(static_cast<int32_t>(citations.size()) + 1);
  citations.push_back(std::move(citation));
  return citations.back().n();
}

}  // namespace

std::string Cite(const std::u32string& answer, const std::vector<Attribution>& attributions,
                 const std::vector<Source>& sources, std::vector<v1::Citation>& citations) {
  std::string text;
  int32_t written = 0;
  const auto copy_to = [&](int32_t end) {
    text += ToUtf8(std::u32string_view(answer).substr(written, end - written));
    written = end;
  };
  for (const Attribution& attribution : attributions) {
    const int32_t n =
        Number(MakeCitation(sources[attribution.source], attribution.sentence), citations);
    copy_to(MarkPosition(answer, attribution.answer));
    text += fmt::format("[{}]", n);
  }
  copy_to(static_cast<int32_t>(answer.size()));
  return text;
}

}  // namespace hadal::answer
