#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hadal/internal/v1/parse.pb.h"

namespace hadal::retrieval {

using internal::v1::Block;
using internal::v1::Box;
using internal::v1::ParsedDocument;
using internal::v1::ParseOutcome;

/// Bounds on what one file may become; a file beyond them is rejected, never cut.
struct DocumentLimits {
  int64_t max_text_bytes = int64_t{32} << 20;
  int32_t max_blocks = 400'000;
};

/// A refusal. `code` is for programs, `message` tells a person what was found and what to do.
ParseOutcome Rejection(std::string_view code, std::string_view message);

/// Characters of a file that show nothing and were left out.
struct RemovedCharacters {
  int64_t invisible = 0;
  int64_t controls = 0;
};

/// Where a block stands; formats without pages leave it out.
struct Place {
  Place(int32_t on_page = 0) : page(on_page) {}  // NOLINT: a page alone is a place
  int32_t page;                                  ///< 1-based
  std::optional<Box> box;
};

/// Collects the blocks of a document in reading order and keeps each text a single clean line:
/// white space from layout becomes one space (none for a line break inside Chinese), control and
/// invisible format characters (zero width, bidirectional overrides, tag characters) are removed
/// and counted for a warning; everything that is shown stays as it was. Not thread-safe.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(std::string_view format, DocumentLimits limits = {});

  /// Each of these ignores a text without visible characters.
  void AddParagraph(std::string_view text, const Place& place = {});
  void AddHeading(std::string_view text, int32_t level, const Place& place = {});
  void AddListItem(std::string_view text, const Place& place = {});
  void AddCodeLine(std::string_view text, const Place& place = {});
  /// Cells joined by " | "; a row of empty cells is ignored. `table` from NextTable().
  void AddTableRow(const std::vector<std::string>& cells, int32_t table, bool header,
                   const Place& place = {});
  int32_t NextTable() { return ++tables_; }
  /// The blocks of a file inside this one, behind what is there; its headings go one level down,
  /// its warnings say `name`.
  void AddDocument(const ParsedDocument& document, std::string_view name);

  void SetTitle(std::string_view title);
  /// `replaced_bytes` of the file were no characters: more than none is a warning.
  void SetEncoding(std::string_view encoding, int64_t replaced_bytes);
  void SetPages(int32_t pages) { document_.set_pages(pages); }
  void Warn(std::string_view text);

  /// Text beyond the limits was refused: stop reading the file, Finish() rejects it.
  bool full() const { return full_; }
  bool has_text() const { return document_.blocks_size() > 0; }
  int32_t num_blocks() const { return document_.blocks_size(); }

  /// The document, or a rejection: "too_large", or `empty_code` when nothing visible was found.
  ParseOutcome Finish(std::string_view empty_code = "empty",
                      std::string_view empty_message = "the file has no text");

 private:
  /// The block added, null when there is none.
  Block* Add(Block::Kind kind, std::string text, const Place& place);
  std::string CleanLine(std::string_view text);

  const DocumentLimits limits_;
  ParsedDocument document_;
  int64_t text_bytes_ = 0;
  RemovedCharacters removed_;
  int32_t tables_ = 0;
  bool full_ = false;
};

}  // namespace hadal::retrieval
