#include "retrieval/parse/document_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxTitleBytes = 1024;
constexpr size_t kMaxWarningBytes = 500;
constexpr int kMaxWarnings = 32;

bool IsJoiner(char32_t c) { return c == 0x200C || c == 0x200D; }
/// A joiner between two of these joins nothing; it only keeps a word from being found.
bool NeedsNoJoiner(char32_t c) { return c < 0x80 || IsCjk(c) || IsJoiner(c); }

/// `text` as one clean line, empty when nothing of it is visible.
std::string OneLine(std::string_view text, RemovedCharacters& removed) {
  std::string line;
  line.reserve(text.size());
  bool space = false;
  bool newline = false;
  char32_t last = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (IsLayoutSpace(c.code_point)) {
      space = !line.empty();
      newline = newline || (c.code_point != ' ' && c.code_point != '\t');
      continue;
    }
    if (IsControl(c.code_point)) {
      ++removed.controls;
      continue;
    }
    if (IsInvisibleFormat(c.code_point) ||
        (IsJoiner(c.code_point) && NeedsNoJoiner(last) &&
         (text.empty() || NeedsNoJoiner(DecodeUtf8(text).code_point)))) {
      ++removed.invisible;
      continue;
    }
    // Chinese has no spaces: a line broken between two of its characters joins without one.
    if (space && !(newline && IsCjk(last) && IsCjk(c.code_point))) line.push_back(' ');
    space = false;
    newline = false;
    last = c.code_point;
    AppendUtf8(c.code_point, line);
  }
  return HasVisible(line) ? line : std::string();
}

/// Text of ours in which names from the file stand.
std::string Message(std::string_view text) {
  RemovedCharacters removed;
  return OneLine(text, removed);
}

std::string CutTo(std::string line, size_t max_bytes) {
  if (line.size() > max_bytes) {
    line.resize(CompleteUtf8Prefix(std::string_view(line).substr(0, max_bytes)));
  }
  return line;
}

}  // namespace

ParseOutcome Rejection(std::string_view code, std::string_view message) {
  ParseOutcome outcome;
  outcome.mutable_rejection()->set_code(std::string(code));
  outcome.mutable_rejection()->set_message(Message(message));
  return outcome;
}

DocumentBuilder::DocumentBuilder(std::string_view format, DocumentLimits limits) : limits_(limits) {
  document_.set_format(std::string(format));
}

std::string DocumentBuilder::CleanLine(std::string_view text) { return OneLine(text, removed_); }

Block* DocumentBuilder::Add(Block::Kind kind, std::string text, const Place& place) {
  if (text.empty() || full_) return nullptr;
  text_bytes_ += static_cast<int64_t>(text.size()) + 1;
  if (text_bytes_ > limits_.max_text_bytes || document_.blocks_size() >= limits_.max_blocks) {
    full_ = true;
    return nullptr;
  }
  Block* block = document_.add_blocks();
  block->set_kind(kind);
  block->set_text(std::move(text));
  block->set_page(place.page);
  if (place.box.has_value()) *block->mutable_box() = *place.box;
  return block;
}

void DocumentBuilder::AddParagraph(std::string_view text, const Place& place) {
  Add(Block::PARAGRAPH, CleanLine(text), place);
}

void DocumentBuilder::AddHeading(std::string_view text, int32_t level, const Place& place) {
  Block* block = Add(Block::HEADING, CleanLine(text), place);
  if (block != nullptr) block->set_heading_level(level < 1 ? 1 : level > 6 ? 6 : level);
}

void DocumentBuilder::AddListItem(std::string_view text, const Place& place) {
  Add(Block::LIST_ITEM, CleanLine(text), place);
}

void DocumentBuilder::AddCodeLine(std::string_view text, const Place& place) {
  Add(Block::CODE, CleanLine(text), place);
}

void DocumentBuilder::AddTableRow(const std::vector<std::string>& cells, int32_t table, bool header,
                                  const Place& place) {
  std::string row;
  bool visible = false;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) row += " | ";
    const std::string cell = CleanLine(cells[i]);
    visible = visible || !cell.empty();
    row += cell;
  }
  Block* block = visible ? Add(Block::TABLE_ROW, std::move(row), place) : nullptr;
  if (block == nullptr) return;
  block->set_table(table);
  block->set_table_header(header);
}

void DocumentBuilder::AddDocument(const ParsedDocument& document, std::string_view name) {
  const int32_t first_table = tables_;
  for (const Block& block : document.blocks()) {
    const int32_t level =
        block.kind() == Block::HEADING ? std::min(block.heading_level() + 1, 6) : 0;
    const int32_t table = block.table() > 0 ? first_table + block.table() : 0;
    tables_ = std::max(tables_, table);
    Place place(block.page());
    if (block.has_box()) place.box = block.box();
    Block* added = Add(block.kind(), block.text(), place);
    if (added == nullptr) continue;
    added->set_heading_level(level);
    added->set_table(table);
    added->set_table_header(block.table_header());
  }
  for (const std::string& warning : document.warnings()) Warn(fmt::format("{}: {}", name, warning));
}

void DocumentBuilder::SetEncoding(std::string_view encoding, int64_t replaced_bytes) {
  document_.set_encoding(std::string(encoding));
  if (replaced_bytes > 0) {
    Warn(fmt::format("{} bytes were no valid UTF-8 and were replaced", replaced_bytes));
  }
}

void DocumentBuilder::SetTitle(std::string_view title) {
  document_.set_title(CutTo(CleanLine(title), kMaxTitleBytes));
}

void DocumentBuilder::Warn(std::string_view text) {
  const std::string warning = CutTo(Message(text), kMaxWarningBytes);
  for (const std::string& present : document_.warnings()) {
    if (present == warning) return;
  }
  if (document_.warnings_size() < kMaxWarnings) document_.add_warnings(warning);
}

ParseOutcome DocumentBuilder::Finish(std::string_view empty_code, std::string_view empty_message) {
  if (full_) {
    return Rejection(
        "too_large",
        fmt::format("the file holds more than {} MiB of text or {} paragraphs; split it",
                    limits_.max_text_bytes >> 20, limits_.max_blocks));
  }
  if (!has_text()) return Rejection(empty_code, empty_message);
  if (document_.title().empty()) {
    for (const Block& block : document_.blocks()) {
      if (block.kind() != Block::HEADING) continue;
      SetTitle(block.text());
      break;
    }
  }
  if (removed_.invisible > 0) {
    Warn(
        fmt::format("{} zero-width, direction or tag characters were removed", removed_.invisible));
  }
  if (removed_.controls > 0) {
    Warn(fmt::format("{} control characters were removed", removed_.controls));
  }
  ParseOutcome outcome;
  *outcome.mutable_document() = std::move(document_);
  return outcome;
}

}  // namespace hadal::retrieval
