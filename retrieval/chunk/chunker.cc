#include "retrieval/chunker.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "retrieval/chunk/block_roles.h"
#include "retrieval/chunk/estimated_tokens.h"
#include "retrieval/chunk/heading_path.h"
#include "retrieval/chunk/language.h"
#include "retrieval/chunk/parents.h"
#include "retrieval/chunk/units.h"
#include "retrieval/parse/characters.h"
#include "retrieval/passage_text.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;

/// A document as the chunker reads it.
struct Outline {
  std::string text;  ///< ExtractedText()
  std::vector<Unit> units;
  std::vector<BlockInfo> blocks;
  std::vector<int32_t> block_tokens;
  std::vector<BlockGroup> groups;
  std::vector<size_t> group_of_block;
  std::vector<int64_t> tokens_before;  ///< of each unit, and of the end
  std::vector<size_t> section_end;     ///< of each group: the unit behind its section
};

struct CutDocument {
  std::vector<Chunk> chunks;
  std::vector<std::vector<int32_t>> sections;  ///< of each chunk: see AssignParents()
};

/// Walks the groups of blocks once, closing a chunk where headings, size and sentences ask for it.
class ChunkBuilder {
 public:
  /// `room`: tokens of headings, context and text together.
  ChunkBuilder(const ParsedDocument& document, const Outline& outline,
               const ChunkerOptions& options, int32_t room)
      : document_(document),
        outline_(outline),
        units_(outline.units),
        options_(options),
        target_(std::min(options.target_tokens, room)),
        room_(room) {}

  CutDocument Build() {
    for (size_t g = 0; g < outline_.groups.size();) {
      const size_t end = WholeArticle(g);
      AddGroups(g, end);
      g = end;
    }
    Close();
    return std::move(cut_);
  }

 private:
  const BlockInfo& InfoOf(const Unit& unit) const {
    return outline_.blocks[static_cast<size_t>(unit.block)];
  }

  int64_t TokensOf(size_t first_group, size_t end_group) const {
    int64_t tokens = 0;
    const int end = outline_.groups[end_group - 1].end;
    for (int b = outline_.groups[first_group].begin; b < end; ++b) {
      tokens += outline_.block_tokens[static_cast<size_t>(b)];
    }
    return tokens;
  }

  const BlockInfo& First(size_t group) const {
    return outline_.blocks[static_cast<size_t>(outline_.groups[group].begin)];
  }

  /// The group behind `group`, or behind all of an article that one chunk can hold.
  size_t WholeArticle(size_t group) const {
    if (First(group).role != BlockRole::kArticle) return group + 1;
    int64_t tokens = 0;
    size_t end = group;
    do {
      tokens += TokensOf(end, end + 1);
      if (tokens > room_) return group + 1;
      ++end;
    } while (end < outline_.groups.size() && First(end).role != BlockRole::kArticle &&
             First(end).role != BlockRole::kHeading);
    return end;
  }

  /// Groups [first, end) stand together where they fit.
  void AddGroups(size_t first, size_t end) {
    const BlockInfo& info = First(first);
    const bool article = info.role == BlockRole::kArticle;
    int64_t rest = TokensOf(first, end);
    if (info.role == BlockRole::kHeading) {
      StartSection(outline_.groups[first].begin);
    } else {
      const bool together =
          end - first > 1 || outline_.groups[first].end - outline_.groups[first].begin > 1;
      MakeRoom(rest, together);
    }
    if (article) path_.LeaveArticle();
    const int end_block = outline_.groups[end - 1].end;
    while (next_ < units_.size() && units_[next_].block < end_block) {
      const Unit& unit = units_[next_];
      // Cut where the piece is nearest to its share, but not for the sake of a short tail.
      if (tokens_ + unit.tokens > limit_ || (Reaches(unit.tokens) && tokens_ + rest > limit_)) {
        Close(IsRunningText(unit) ? options_.overlap_tokens : 0);
      }
      rest -= unit.tokens;
      Push(next_);
      ++next_;
      if (article && unit.block == outline_.groups[first].begin) EnterArticle(unit.block);
    }
  }

  /// Only running text is repeated: never rows, headings or code.
  bool IsRunningText(const Unit& unit) const {
    switch (InfoOf(unit).role) {
      case BlockRole::kText:
      case BlockRole::kArticle:
      case BlockRole::kItem:
      case BlockRole::kAnswer:
        return true;
      default:
        return false;
    }
  }

  /// Whether the open chunk is nearer to its share without `tokens` more than with them.
  bool Reaches(int64_t tokens) const { return tokens_ + tokens / 2 > share_; }

  /// Closes the open chunk when it is long enough before `tokens` that follow it, or too long for
  /// them although a chunk of their own would hold them.
  void MakeRoom(int64_t tokens, bool together) {
    if (first_ == last_ || heading_only_) return;
    const bool fits = tokens_ + tokens <= limit_;
    const bool whole = tokens <= room_;
    if ((whole && Reaches(tokens)) || (!fits && (tokens_ >= share_ / 2 || (together && whole)))) {
      Close();
    }
  }

  /// What of the section that `unit` stands in begins with it.
  int64_t RestOfSection(size_t unit) const {
    if (unit == units_.size()) return 0;  // behind it are blank headings only
    const size_t group = outline_.group_of_block[static_cast<size_t>(units_[unit].block)];
    return outline_.tokens_before[outline_.section_end[group]] - outline_.tokens_before[unit];
  }

  /// A section that one chunk holds is not cut. A longer one is cut into pieces of about one size,
  /// so that none of them is a mere rest.
  int64_t ShareOf(int64_t section) const {
    const int64_t pieces =
        std::max({int64_t{1}, (section + limit_ - 1) / limit_, (section + target_ / 2) / target_});
    return (section + pieces - 1) / pieces;
  }

  void StartSection(int b) {
    // A heading belongs to what follows. Short sections share a chunk where all of them fits, but
    // only with sections of the same part.
    const BlockInfo& info = outline_.blocks[static_cast<size_t>(b)];
    path_.LeaveArticle();
    if (!heading_only_ && first_ != last_) {
      const int64_t together = tokens_ + RestOfSection(next_);
      const bool leaves_part = path_.Ends(info) > 1;
      const bool scrap = tokens_ < target_ / 6;  // a title, a line: no chunk of its own
      if (!scrap && (together > target_ || tokens_ >= target_ / 3 || leaves_part)) {
        Close();
      } else {
        share_ = std::max(share_, ShareOf(together));
      }
    }
    path_.Enter(info, std::string(HeadingPrefix(document_.blocks(b).text())),
                outline_.block_tokens[static_cast<size_t>(b)]);
  }

  /// From here on a chunk that begins inside the article is read under its number.
  void EnterArticle(int b) {
    if (!path_.entries().empty() && path_.entries().back().block.role == BlockRole::kArticle) {
      return;
    }
    const BlockInfo& info = outline_.blocks[static_cast<size_t>(b)];
    std::string_view label = document_.blocks(b).text();
    label = label.substr(0, info.mark.size_bytes);
    path_.Enter(info, std::string(label), EstimatedTokens::Of(label) + 1);
  }

  void Push(size_t unit) {
    if (first_ == last_) Begin(unit);
    last_ = unit + 1;
    tokens_ += units_[unit].tokens;
    // It belongs to the section of its first text, not to that of a heading above.
    if (heading_only_) open_sections_ = OpenSections();
    heading_only_ = heading_only_ && InfoOf(units_[unit]).role == BlockRole::kHeading;
    repeated_ = repeated_ && unit < next_;
  }

  /// Notes what heads the chunk that begins with `unit`. Text comes first: of headings and context
  /// as many, from the innermost, as leave room for it, and never more than half of the chunk.
  void Begin(size_t unit) {
    first_ = last_ = unit;
    tokens_ = 0;
    heading_only_ = true;
    repeated_ = true;
    open_path_.clear();
    int32_t free = std::min(room_ / 2, room_ - units_[unit].tokens);
    limit_ = room_;
    open_context_ = ContextOf(units_[unit].block, free);
    for (auto entry = path_.entries().rbegin(); entry != path_.entries().rend(); ++entry) {
      free -= entry->tokens;
      if (free < 0) continue;
      open_path_.push_back(entry->text);
      limit_ -= entry->tokens;
    }
    std::reverse(open_path_.begin(), open_path_.end());
    share_ = ShareOf(RestOfSection(unit));
  }

  std::vector<int32_t> OpenSections() const {
    std::vector<int32_t> sections;
    for (const HeadingPath::Entry& entry : path_.entries()) {
      if (entry.block.role != BlockRole::kArticle) sections.push_back(entry.section);
    }
    return sections;
  }

  /// The head of the group that `block` stands in, when it is not in the head itself: caption and
  /// header rows, lead-in, question. Takes its tokens from `free` and from the chunk's limit.
  std::string ContextOf(int block, int32_t& free) {
    const BlockGroup& group = outline_.groups[outline_.group_of_block[static_cast<size_t>(block)]];
    std::string context;
    if (block < group.head_end) return context;
    for (int b = group.begin; b < group.head_end; ++b) {
      const int32_t tokens = outline_.block_tokens[static_cast<size_t>(b)];
      if (tokens > free) continue;
      free -= tokens;
      limit_ -= tokens;
      if (!context.empty()) context += '\n';
      context += HeadingPrefix(document_.blocks(b).text());
    }
    return context;
  }

  /// Ends the open chunk. The next one begins with its last whole sentences, up to `overlap`.
  void Close(int32_t overlap = 0) {
    if (first_ == last_) return;
    // One of nothing but repeated sentences says nothing new.
    if (!repeated_) Emit();
    size_t from = last_;
    int32_t tokens = 0;
    while (!repeated_ && from > first_ + 1 && IsRunningText(units_[from - 1]) &&
           tokens + units_[from - 1].tokens <= overlap) {
      tokens += units_[--from].tokens;
    }
    const size_t end = last_;
    first_ = last_ = end;
    tokens_ = 0;
    for (size_t i = from; i < end; ++i) Push(i);
    // What follows comes first.
    if (from < end && next_ < units_.size() && tokens_ + units_[next_].tokens > limit_) {
      first_ = last_ = end;
      tokens_ = 0;
    }
    if (first_ == last_) {
      limit_ = room_;
      heading_only_ = false;
    }
  }

  void Emit() {
    const Unit& first = units_[first_];
    const Unit& last = units_[last_ - 1];
    Chunk chunk;
    chunk.start = first.start;
    chunk.end = last.end;
    size_t end_byte = last.end_byte;
    // Blanks at the end of a sentence are not shown.
    while (end_byte > first.start_byte && outline_.text[end_byte - 1] == ' ') {
      --end_byte;
      --chunk.end;
    }
    chunk.text = outline_.text.substr(first.start_byte, end_byte - first.start_byte);
    if (!HasVisible(chunk.text)) return;
    chunk.page = document_.blocks(first.block).page();
    chunk.heading_path = open_path_;
    chunk.context = open_context_;
    chunk.language = GuessLanguage(chunk.text);
    cut_.chunks.push_back(std::move(chunk));
    cut_.sections.push_back(open_sections_);
  }

  const ParsedDocument& document_;
  const Outline& outline_;
  const std::vector<Unit>& units_;
  const ChunkerOptions& options_;
  const int32_t target_;
  const int32_t room_;
  CutDocument cut_;

  // The open chunk: units [first_, last_), at most limit_ tokens.
  size_t first_ = 0;
  size_t last_ = 0;
  int64_t tokens_ = 0;
  int64_t share_ = 0;  // what it is to hold of its section
  int32_t limit_ = 0;
  bool heading_only_ = false;
  bool repeated_ = false;  // all of it stood in the chunk before
  std::vector<std::string> open_path_;
  std::vector<int32_t> open_sections_;
  std::string open_context_;

  // Where the walk is.
  size_t next_ = 0;  // the first unit that stands in no chunk yet
  HeadingPath path_;
};

/// A section ends before the first heading behind text.
void MeasureSections(Outline& outline) {
  outline.tokens_before.push_back(0);
  for (const Unit& unit : outline.units) {
    outline.tokens_before.push_back(outline.tokens_before.back() + unit.tokens);
  }
  outline.section_end.resize(outline.groups.size());
  const auto heads = [&](size_t group) {
    const auto block = static_cast<size_t>(outline.groups[group].begin);
    return outline.blocks[block].role == BlockRole::kHeading;
  };
  size_t end = outline.units.size();
  size_t unit = end;
  for (size_t g = outline.groups.size(); g-- > 0;) {
    if (g + 1 < outline.groups.size() && heads(g + 1) && !heads(g)) end = unit;
    outline.section_end[g] = end;
    while (unit > 0 && outline.units[unit - 1].block >= outline.groups[g].begin) --unit;
  }
}

StatusOr<Outline> MakeOutline(const ParsedDocument& document, int32_t max_unit_tokens,
                              TokenCounter& counter) {
  Outline outline;
  outline.text = ExtractedText(document);
  ASSIGN_OR_RETURN(outline.units, MakeUnits(document, outline.text, max_unit_tokens, counter));
  outline.blocks = FindBlockRoles(document);
  outline.block_tokens.resize(outline.blocks.size());
  for (const Unit& unit : outline.units) {
    outline.block_tokens[static_cast<size_t>(unit.block)] += unit.tokens;
  }
  outline.groups = GroupBlocks(document, outline.blocks);
  for (size_t g = 0; g < outline.groups.size(); ++g) {
    outline.group_of_block.resize(static_cast<size_t>(outline.groups[g].end), g);
  }
  MeasureSections(outline);
  return outline;
}

/// Fills Chunk::tokens. Returns the most of one chunk.
StatusOr<int32_t> CountChunks(const std::string& title, TokenCounter& counter,
                              std::vector<Chunk>& chunks) {
  std::vector<std::string> passages;
  passages.reserve(chunks.size());
  for (const Chunk& chunk : chunks) passages.push_back(PassageText(title, chunk));
  ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, counter.CountTokens(passages));
  if (tokens.size() != chunks.size()) {
    return Internal("counting the tokens of {} chunks gave {} numbers", chunks.size(),
                    tokens.size());
  }
  int32_t most = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].tokens = tokens[i];
    most = std::max(most, tokens[i]);
  }
  return most;
}

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

StatusOr<std::vector<Chunk>> ChunkDocument(const ParsedDocument& document, const std::string& title,
                                           const ChunkerOptions& options, TokenCounter& counter) {
  RETURN_IF_ERROR(ValidateChunkerOptions(options));
  if (options.max_tokens > counter.max_tokens()) {
    return InvalidArgument(
        "chunks of up to {} tokens: the embedding model reads {}, the rest would be lost; lower "
        "the most tokens of a chunk",
        options.max_tokens, counter.max_tokens());
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> title_tokens,
                   counter.CountTokens({std::string(HeadingPrefix(title))}));
  // However long the title is, half of a chunk is text.
  const int32_t half = options.max_tokens / 2;
  const int32_t room = std::max(half, options.max_tokens - title_tokens.at(0));
  // Tokens do not quite add up: a chunk may have a few more than its sentences.
  int32_t slack = 0;
  ASSIGN_OR_RETURN(const Outline outline, MakeOutline(document, room - room / 16, counter));
  for (;;) {
    CutDocument cut = ChunkBuilder(document, outline, options, room - slack).Build();
    ASSIGN_OR_RETURN(const int32_t most, CountChunks(title, counter, cut.chunks));
    const int32_t excess = most - options.max_tokens;
    if (excess > 0 && slack < half / 2) {
      slack = std::min(slack + excess, half / 2);
      continue;
    }
    AssignParents(cut.sections, options.parent_tokens, cut.chunks);
    return std::move(cut.chunks);
  }
}

std::vector<Chunk> ChunkDocument(const ParsedDocument& document, const ChunkerOptions& options) {
  EstimatedTokens counter;
  StatusOr<std::vector<Chunk>> chunks = ChunkDocument(document, document.title(), options, counter);
  CHECK_OK(chunks.status());
  return *std::move(chunks);
}

}  // namespace hadal::retrieval
