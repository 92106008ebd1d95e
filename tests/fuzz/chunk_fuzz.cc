// Documents of every shape: the first bytes choose the sizes, each line after them is a block whose
// first byte says what it is. Chunks must be exact spans, in order, of bounded size, and leave out
// nothing that is seen.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "retrieval/chunk/estimated_tokens.h"
#include "retrieval/chunker.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;

ParsedDocument MakeDocument(std::string_view bytes) {
  ParsedDocument document;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(line.size() + 1, bytes.size()));
    const auto shape = static_cast<uint8_t>(line.empty() ? 0 : line[0]);
    Block& block = *document.add_blocks();
    block.set_kind(static_cast<Block::Kind>(1 + shape % 5));
    block.set_heading_level(shape / 5 % 7);
    block.set_table(block.kind() == Block::TABLE_ROW ? 1 + shape / 64 : 0);
    block.set_table_header(shape / 32 % 2 == 1);
    block.set_text(SanitizeUtf8(line.empty() ? line : line.substr(1)));
  }
  return document;
}

int64_t Characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

void Check(const ParsedDocument& document, const ChunkerOptions& options) {
  EstimatedTokens counter;
  const auto chunks = ChunkDocument(document, "title", options, counter);
  CHECK_OK(chunks.status());
  const std::string text = ExtractedText(document);
  int64_t position = 0;  // code points before `at`
  size_t at = 0;
  const auto advance = [&](int64_t to, bool seen) {
    for (; position < to; ++position) {
      const DecodedChar c = DecodeUtf8(std::string_view(text).substr(at));
      CHECK(seen || IsSpace(c.code_point) || IsInvisibleFormat(c.code_point) ||
            IsControl(c.code_point));
      at += c.size_bytes;
    }
  };
  int64_t covered = 0;
  for (const Chunk& chunk : *chunks) {
    CHECK(chunk.start < chunk.end && chunk.tokens <= options.max_tokens);
    CHECK(chunk.end - chunk.start == Characters(chunk.text));
    CHECK(chunk.start >= position);
    advance(std::min(chunk.start, covered), /*seen=*/true);
    advance(chunk.start, /*seen=*/false);
    CHECK(std::string_view(text).substr(at).starts_with(chunk.text));
    covered = std::max(covered, chunk.end);
  }
  advance(covered, /*seen=*/true);
  advance(Characters(text), /*seen=*/false);
}

}  // namespace
}  // namespace hadal::retrieval

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  hadal::retrieval::ChunkerOptions options;
  options.max_tokens = 16 + data[0];
  options.target_tokens = 1 + data[1] % options.max_tokens;
  options.overlap_tokens = options.target_tokens / 4;
  options.parent_tokens = 100 * (data[0] % 4);
  hadal::retrieval::Check(
      hadal::retrieval::MakeDocument({reinterpret_cast<const char*>(data) + 2, size - 2}), options);
  return 0;
}
