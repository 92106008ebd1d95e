// Folding and all that reads folded text. Every span must lie in the text it is of.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "retrieval/clean/document_fields.h"
#include "retrieval/clean/document_number.h"
#include "retrieval/clean/min_hash.h"

namespace hadal::retrieval {
namespace {

size_t Characters(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(DecodeUtf8(text).size_bytes);
  return count;
}

void Check(const TextFolder& folder, std::string_view text) {
  const size_t size = Characters(text);
  const FoldedText folded = folder.FoldWithOrigins(text);
  CHECK(folded.text == folder.Fold(text) && folded.origins.size() == folded.text.size());
  size_t before = 0;
  for (const TextSpan& span : folded.origins) {
    CHECK(span.begin >= before && span.begin < span.end && span.end <= size);
    before = span.begin;
  }
  CHECK(SignatureSimilarity(SignatureOf(folded.text), SignatureOf(folded.text)) >=
        (SignatureOf(folded.text).empty() ? 0 : 1));
  for (const FoundDocumentNumber& number : FindDocumentNumbers(folder, text)) {
    CHECK(number.span.begin < number.span.end && number.span.end <= size);
    CHECK(NormalizeDocumentNumber(folder, number.normalized) == number.normalized);
    CHECK(!FindDocumentNumber(folder, number.normalized, text).empty());
  }
  internal::v1::ParsedDocument document;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    document.add_blocks()->set_text(SanitizeUtf8(line));
  }
  for (const DocumentField& field : FindDocumentFields(document, folder)) {
    CHECK(!field.value.empty() && !field.normalized.empty() && IsValidUtf8(field.value));
  }
}

}  // namespace
}  // namespace hadal::retrieval

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto folder = hadal::retrieval::TextFolder::Create();
  CHECK_OK(folder.status());
  hadal::retrieval::Check(**folder, {reinterpret_cast<const char*>(data), size});
  return 0;
}
