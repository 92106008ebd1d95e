#include "retrieval/chunker.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "retrieval/chunk/sentence_splitter.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/structure_marks.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;

constexpr int64_t kMaxHeadingChars = 60;
constexpr size_t kMaxPathBytes = 200;  // of one component
const double kNewlineWeight = CharWeight('\n');

/// A piece of the extracted text that is never cut.
struct Unit {
  size_t start_byte = 0;
  size_t end_byte = 0;
  int64_t start = 0;  ///< code points
  int64_t end = 0;
  double weight = 0;
  int block = 0;
  double newline = 0;  ///< weight of the newline behind the block, part of chunks that go on
};

struct BlockInfo {
  int heading_level = 0;  ///< 0: ordinary text
  bool caption = false;   ///< "表1 …", "Table 2 …"
  double weight = 0;
};

/// Numbered lines of files without styles: short, without a full stop at their end.
int ImpliedHeadingLevel(const Block& block, int64_t num_chars) {
  if (block.kind() != Block::PARAGRAPH || num_chars > kMaxHeadingChars) return 0;
  const std::string_view text = block.text();
  const int level = StructureLevel(text);
  if (level == 0) return 0;
  if (IsNamedDivision(text)) return level;
  for (std::string_view end : {"。", "；", "，", "：", "！", "？", ".", ";", ",", ":"}) {
    if (text.ends_with(end)) return 0;
  }
  if (num_chars > kMaxHeadingChars / 2) return 0;
  // 第九条 and (2) number ordinary text; 一、 （一） and 2.1 head what follows.
  return text.starts_with("第") || text.starts_with("(") ? 0 : level;
}

bool IsCaption(std::string_view text, int64_t num_chars) {
  if (num_chars > kMaxHeadingChars) return false;
  for (std::string_view word : {"表", "附表", "Table ", "图", "Figure "}) {
    if (!text.starts_with(word)) continue;
    const std::string_view rest = text.substr(word.size());
    return !rest.empty() && (rest[0] == ' ' || (rest[0] >= '0' && rest[0] <= '9'));
  }
  return false;
}

/// Language by letters: a Chinese character says as much as two Latin letters or more.
std::string GuessLanguage(std::string_view text) {
  int64_t han = 0;
  int64_t latin = 0;
  int64_t other = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    const char32_t p = c.code_point;
    if ((p >= 'a' && p <= 'z') || (p >= 'A' && p <= 'Z')) {
      ++latin;
    } else if ((p >= 0x3040 && p <= 0x30FF) || (p >= 0xAC00 && p <= 0xD7AF)) {
      ++other;  // kana, hangul
    } else if (IsCjk(p) && ((p >= 0x3400 && p <= 0x9FFF) || p >= 0x20000)) {
      ++han;
    } else if (p >= 0xC0 && p < 0x2000) {
      ++other;
    }
  }
  if (other > han && other > latin) return "";
  if (han == 0 && latin == 0) return "";
  return han * 2 >= latin ? "zh" : "en";
}

/// Walks the blocks once, closing a chunk where headings, size and sentences ask for it.
class ChunkBuilder {
 public:
  ChunkBuilder(const ParsedDocument& document, const ChunkerOptions& options)
      : document_(document),
        target_(std::max(1, std::min(options.target_chars, options.max_chars))),
        max_(std::max(1, options.max_chars)),
        overlap_(std::clamp(options.overlap_chars, 0, options.max_chars / 3)),
        text_(ExtractedText(document)) {}

  std::vector<Chunk> Build() {
    MakeUnits();
    size_t i = 0;
    for (int b = 0; b < document_.blocks_size(); ++b) {
      const size_t begin = i;
      while (i < units_.size() && units_[i].block == b) ++i;
      AddBlock(b, begin, i);
    }
    Close(/*overlap=*/0);
    return std::move(chunks_);
  }

 private:
  void MakeUnits() {
    size_t byte = 0;
    int64_t position = 0;
    for (int b = 0; b < document_.blocks_size(); ++b) {
      const Block& block = document_.blocks(b);
      const std::string_view text = block.text();
      BlockInfo info;
      const int64_t start = position;
      for (const Sentence& sentence : SplitSentences(text, max_)) {
        const Unit unit{byte + sentence.start_byte,
                        byte + sentence.end_byte,
                        position,
                        position + sentence.num_chars,
                        sentence.weight,
                        b};
        position = unit.end;
        info.weight += unit.weight;
        units_.push_back(unit);
      }
      if (!text.empty()) units_.back().newline = kNewlineWeight;
      info.heading_level = block.kind() == Block::HEADING
                               ? std::clamp(block.heading_level(), 1, 6)
                               : ImpliedHeadingLevel(block, position - start);
      info.caption = info.heading_level == 0 && IsCaption(text, position - start);
      blocks_.push_back(info);
      byte += text.size() + 1;
      ++position;
    }
  }

  void AddBlock(int b, size_t begin, size_t end) {
    const BlockInfo& info = blocks_[static_cast<size_t>(b)];
    const Block& block = document_.blocks(b);
    if (info.heading_level > 0) {
      StartSection(b, info.heading_level);
    } else if (block.table() > 0 || info.caption) {
      TrackTable(b, info.caption);
    } else {
      caption_.clear();
      table_header_.clear();
    }
    // Text already long enough ends before a block; a block that does not fit starts a new chunk
    // unless little would stand in the old one.
    if (weight_ >= target_ || (weight_ + info.weight > max_ && weight_ >= target_ / 2) ||
        (info.caption && weight_ >= target_ / 2)) {
      const bool goes_on = block.table() == 0 && !info.caption && info.heading_level == 0;
      Close(goes_on && begin < end ? OverlapBefore(begin) : 0);
    }
    double rest = info.weight;
    for (size_t i = begin; i < end; ++i) {
      // A long block is cut at about the target, but not for the sake of a short tail.
      if (weight_ + units_[i].weight > max_ || (weight_ >= target_ && weight_ + rest > max_)) {
        Close(block.table() == 0 ? OverlapBefore(i) : 0);
      }
      Push(i);
      rest -= units_[i].weight;
    }
  }

  void StartSection(int b, int level) {
    // A heading belongs to what follows. Sections of a line or two share a chunk, but only with
    // sections of the same part.
    const bool only_headings = heading_only_;
    const bool leaves_part = !levels_.empty() && level < levels_.back();
    if (!only_headings && (weight_ >= target_ / 3 || (leaves_part && weight_ >= target_ / 6))) {
      Close(/*overlap=*/0);
    }
    while (!levels_.empty() && levels_.back() >= level) {
      levels_.pop_back();
      path_.pop_back();
    }
    levels_.push_back(level);
    path_.push_back(PathComponent(document_.blocks(b).text()));
    caption_.clear();
    table_header_.clear();
  }

  void TrackTable(int b, bool caption) {
    const Block& block = document_.blocks(b);
    if (caption) {
      caption_ = PathComponent(block.text());
      table_header_.clear();
    } else if (block.table() != table_) {
      table_ = block.table();
      table_header_ = PathComponent(block.text());
      table_first_block_ = b;
    }
  }

  static std::string PathComponent(std::string_view text) {
    if (text.size() <= kMaxPathBytes) return std::string(text);
    return std::string(text.substr(0, CompleteUtf8Prefix(text.substr(0, kMaxPathBytes))));
  }

  void Push(size_t unit) {
    if (first_ == last_) {
      first_ = unit;
      Begin(unit);
    }
    last_ = unit + 1;
    weight_ += UnitWeight(unit);
    heading_only_ =
        heading_only_ && blocks_[static_cast<size_t>(units_[unit].block)].heading_level > 0;
  }

  /// Notes what heads the chunk that begins with `unit`.
  void Begin(size_t unit) {
    open_path_ = path_;
    heading_only_ = true;
    const int b = units_[unit].block;
    if (document_.blocks(b).table() == 0) return;
    if (!caption_.empty()) open_path_.push_back(caption_);
    // The first row usually names the columns; a chunk that starts further down needs it.
    if (b != table_first_block_) open_path_.push_back(table_header_);
  }

  double UnitWeight(size_t unit) const { return units_[unit].weight + units_[unit].newline; }

  /// How much of the open chunk may stand again before `unit`.
  double OverlapBefore(size_t unit) const {
    return std::clamp(max_ - units_[unit].weight, 0.0, overlap_);
  }

  /// Ends the open chunk. The next one begins with its last whole sentences, up to `overlap`.
  void Close(double overlap) {
    if (first_ == last_) return;
    Emit();
    size_t from = last_;
    double weight = 0;
    while (from > first_ + 1 && weight + UnitWeight(from - 1) <= overlap) {
      const auto block = static_cast<size_t>(units_[from - 1].block);
      if (blocks_[block].heading_level > 0 ||
          document_.blocks(units_[from - 1].block).table() > 0) {
        break;
      }
      weight += UnitWeight(--from);
    }
    const size_t end = last_;
    first_ = last_ = from;
    weight_ = 0;
    heading_only_ = false;
    for (size_t i = from; i < end; ++i) Push(i);
  }

  void Emit() {
    const Unit& first = units_[first_];
    const Unit& last = units_[last_ - 1];
    Chunk chunk;
    chunk.start = first.start;
    chunk.end = last.end;
    size_t end_byte = last.end_byte;
    // Blanks at the end of a sentence are not shown.
    while (end_byte > first.start_byte && text_[end_byte - 1] == ' ') {
      --end_byte;
      --chunk.end;
    }
    chunk.text = text_.substr(first.start_byte, end_byte - first.start_byte);
    chunk.page = document_.blocks(first.block).page();
    chunk.heading_path = open_path_;
    chunk.language = GuessLanguage(chunk.text);
    if (HasVisible(chunk.text)) chunks_.push_back(std::move(chunk));
  }

  const ParsedDocument& document_;
  const double target_;
  const double max_;
  const double overlap_;
  const std::string text_;
  std::vector<Unit> units_;
  std::vector<BlockInfo> blocks_;
  std::vector<Chunk> chunks_;

  // The open chunk: units [first_, last_).
  size_t first_ = 0;
  size_t last_ = 0;
  double weight_ = 0;
  bool heading_only_ = false;
  std::vector<std::string> open_path_;

  // Where the walk is.
  std::vector<int> levels_;
  std::vector<std::string> path_;
  std::string caption_;
  std::string table_header_;
  int32_t table_ = 0;
  int table_first_block_ = -1;
};

}  // namespace

std::string ExtractedText(const ParsedDocument& document) {
  std::string text;
  size_t size = 0;
  for (const Block& block : document.blocks()) size += block.text().size() + 1;
  text.reserve(size);
  for (const Block& block : document.blocks()) {
    text += block.text();
    text += '\n';
  }
  return text;
}

std::vector<Chunk> ChunkDocument(const ParsedDocument& document, const ChunkerOptions& options) {
  return ChunkBuilder(document, options).Build();
}

}  // namespace hadal::retrieval
