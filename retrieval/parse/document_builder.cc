#include "retrieval/parse/document_builder.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxTitleBytes = 1024;
constexpr int kMaxWarnings = 32;

}  // namespace

ParseOutcome Rejection(std::string_view code, std::string_view message) {
  ParseOutcome outcome;
  outcome.mutable_rejection()->set_code(std::string(code));
  outcome.mutable_rejection()->set_message(std::string(message));
  return outcome;
}

DocumentBuilder::DocumentBuilder(std::string_view format, DocumentLimits limits) : limits_(limits) {
  document_.set_format(std::string(format));
}

std::string DocumentBuilder::CleanLine(std::string_view text) {
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
      ++controls_;
      continue;
    }
    if (IsInvisibleFormat(c.code_point)) {
      ++invisible_;
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

void DocumentBuilder::SetTitle(std::string_view title) {
  std::string line = CleanLine(title);
  if (line.size() > kMaxTitleBytes) {
    line.resize(CompleteUtf8Prefix(std::string_view(line).substr(0, kMaxTitleBytes)));
  }
  document_.set_title(std::move(line));
}

void DocumentBuilder::Warn(std::string_view warning) {
  for (const std::string& present : document_.warnings()) {
    if (present == warning) return;
  }
  if (document_.warnings_size() < kMaxWarnings) document_.add_warnings(std::string(warning));
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
  if (invisible_ > 0) {
    Warn(fmt::format("{} zero-width, direction or tag characters were removed", invisible_));
  }
  if (controls_ > 0) Warn(fmt::format("{} control characters were removed", controls_));
  ParseOutcome outcome;
  *outcome.mutable_document() = std::move(document_);
  return outcome;
}

}  // namespace hadal::retrieval
