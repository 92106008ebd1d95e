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

}  // namespace

v1::Citation MakeCitation(const Source& source, int32_t sentence, int32_t n) {
  const v1::SearchHit& chunk = source.hit->chunk();
  const Span span = source.sentences[sentence].span;
  v1::Citation citation;
  citation.set_n(n);
  citation.set_document_id(chunk.document_id());
  citation.set_title(chunk.title());
  citation.set_chunk_id(chunk.chunk_id());
  citation.set_page(chunk.page());
  citation.set_start(chunk.start() + span.begin);
  citation.set_end(chunk.start() + span.end);
  citation.set_quote(
      ToUtf8(std::u32string_view(source.text).substr(span.begin, span.size())));
  return citation;
}

CitedAnswer Cite(const std::u32string& answer, const std::vector<Attribution>& attributions,
                 const std::vector<Source>& sources) {
  CitedAnswer cited;
  int32_t written = 0;
  const auto copy_to = [&](int32_t end) {
    cited.text += ToUtf8(std::u32string_view(answer).substr(written, end - written));
    written = end;
  };
  for (const Attribution& attribution : attributions) {
    v1::Citation citation = MakeCitation(sources[attribution.source], attribution.sentence,
                                         static_cast<int32_t>(cited.citations.size()) + 1);
    for (const v1::Citation& known : cited.citations) {
      const bool same = known.document_id() == citation.document_id() &&
                        known.start() == citation.start() && known.end() == citation.end();
      if (same) citation.set_n(known.n());
    }
    if (citation.n() > static_cast<int32_t>(cited.citations.size())) {
      cited.citations.push_back(citation);
    }
    copy_to(MarkPosition(answer, attribution.answer));
    cited.text += fmt::format("[{}]", citation.n());
  }
  copy_to(static_cast<int32_t>(answer.size()));
  return cited;
}

}  // namespace hadal::answer
