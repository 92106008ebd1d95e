#include "retrieval/chunk/block_roles.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "base/utf8.h"
#include "retrieval/chunk/entry_titles.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;

constexpr int kMaxHeadingChars = 60;
constexpr int kMaxLeadInChars = 200;
constexpr int kMaxHeaderRows = 3;

bool StartsWithAny(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

bool EndsWithAny(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.ends_with(word); });
}

/// Up to `limit` + 1 of its characters: enough to know whether it is longer.
int CharsUpTo(std::string_view text, int limit) {
  int chars = 0;
  for (; !text.empty() && chars <= limit; ++chars) text.remove_prefix(DecodeUtf8(text).size_bytes);
  return chars;
}

/// Whether what follows 第…条 or 第…章 goes on with a sentence that names it.
bool IsReference(std::string_view rest) {
  if (rest.empty()) return false;
  const bool spaced = IsSpace(DecodeUtf8(rest).code_point);
  while (!rest.empty() && IsSpace(DecodeUtf8(rest).code_point)) {
    rest.remove_prefix(DecodeUtf8(rest).size_bytes);
  }
  if (StartsWithAny(rest, {"至", "到", "和", "与", "與", "及", "、", "，", "。", "；", "）", ")",
                           "》", "”", "第"})) {
    return true;
  }
  // 中介服务 and 所有权 are titles, 中的 and 所列 are not.
  return !spaced &&
         StartsWithAny(rest, {"的", "规定", "規定", "要求", "款", "项", "項", "所列", "所称",
                              "所述", "所指", "中的", "中规定", "之规定", "或者", "以外"});
}

bool IsDivision(MarkKind kind) {
  return kind == MarkKind::kPart || kind == MarkKind::kChapter || kind == MarkKind::kSection;
}

/// （一） and the like, which number parts of a text where they are no headings.
bool NumbersItems(MarkKind kind) {
  return kind != MarkKind::kNone && kind != MarkKind::kArticle && !IsDivision(kind);
}

/// A numbered line of a file without styles.
bool IsImpliedHeading(std::string_view text, const StructureMark& mark) {
  if (mark.kind == MarkKind::kNone || mark.kind == MarkKind::kArticle || EndsLikeSentence(text)) {
    return false;
  }
  if (IsDivision(mark.kind)) {
    return !IsReference(text.substr(mark.size_bytes)) &&
           CharsUpTo(text, kMaxHeadingChars) <= kMaxHeadingChars;
  }
  // (2) numbers ordinary text; 一、 （一） and 2.1 head what follows.
  return mark.kind != MarkKind::kBracket &&
         CharsUpTo(text, kMaxHeadingChars / 2) <= kMaxHeadingChars / 2;
}

bool IsCaption(std::string_view text) {
  for (std::string_view word : {"表", "附表", "Table "}) {
    if (!text.starts_with(word) || CharsUpTo(text, kMaxHeadingChars) > kMaxHeadingChars) continue;
    const std::string_view rest = text.substr(word.size());
    return !rest.empty() && (rest[0] == ' ' || (rest[0] >= '0' && rest[0] <= '9'));
  }
  return false;
}

/// One of `words`, perhaps a number, then a colon: "问：", "Q12:".
bool IsSpeaker(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (!text.starts_with(word)) continue;
    size_t at = word.size();
    while (at < text.size() && at < word.size() + 4 &&
           (text[at] == ' ' || (text[at] >= '0' && text[at] <= '9'))) {
      ++at;
    }
    if (StartsWithAny(text.substr(at), {"：", ":"})) return true;
  }
  return false;
}

BlockInfo RoleAlone(const Block& block) {
  const std::string_view text = block.text();
  BlockInfo info;
  if (block.table() > 0 || block.kind() == Block::TABLE_ROW) {
    info.role = BlockRole::kRow;
    return info;
  }
  if (block.kind() == Block::CODE) {
    info.role = BlockRole::kCode;
    return info;
  }
  info.mark = FindStructureMark(text);
  if (block.kind() == Block::HEADING) {
    info.role = BlockRole::kHeading;
    info.level = std::clamp(block.heading_level(), 1, 6);
  } else if (IsSpeaker(text, {"问题", "問題", "问", "問", "Q", "Question"})) {
    info.role = BlockRole::kQuestion;
  } else if (IsSpeaker(text, {"答复", "答", "A", "Answer"})) {
    info.role = BlockRole::kAnswer;
  } else if (block.kind() == Block::LIST_ITEM) {
    info.role = BlockRole::kItem;
  } else if (IsImpliedHeading(text, info.mark)) {
    info.role = BlockRole::kHeading;
  } else if (info.mark.kind == MarkKind::kArticle &&
             !IsReference(text.substr(info.mark.size_bytes))) {
    info.role = BlockRole::kArticle;
  } else if (IsCaption(text)) {
    info.role = BlockRole::kCaption;
  } else if (EndsWithAny(text, {"：", ":"}) &&
             CharsUpTo(text, kMaxLeadInChars) <= kMaxLeadInChars) {
    info.role = BlockRole::kLeadIn;
  } else if (StartsListItem(text) || NumbersItems(info.mark.kind)) {
    info.role = BlockRole::kItem;
  }
  return info;
}

/// Whether a list may follow: "下列材料：", also where it is an article that says so.
bool LeadsIn(const Block& block, const BlockInfo& info) {
  return info.role == BlockRole::kLeadIn ||
         (info.role == BlockRole::kArticle && EndsWithAny(block.text(), {"：", ":"}));
}

/// Two or more lines of one kind of number right behind a lead-in are a list, however short: a
/// heading has text of its own.
void TakeListsForWhatTheyAre(const ParsedDocument& document, std::vector<BlockInfo>& blocks) {
  for (size_t b = 0; b + 2 < blocks.size(); ++b) {
    const MarkKind kind = blocks[b + 1].mark.kind;
    if (!NumbersItems(kind) || !LeadsIn(document.blocks(static_cast<int>(b)), blocks[b])) continue;
    size_t end = b + 1;
    while (end < blocks.size() && blocks[end].mark.kind == kind && blocks[end].level == 0) {
      ++end;
    }
    if (end - b <= 2) continue;
    for (size_t item = b + 1; item < end; ++item) blocks[item].role = BlockRole::kItem;
  }
}

/// Finds where groups end.
class Grouping {
 public:
  Grouping(const ParsedDocument& document, const std::vector<BlockInfo>& blocks)
      : document_(document), blocks_(blocks), size_(static_cast<int>(blocks.size())) {}

  std::vector<BlockGroup> Run() const {
    std::vector<BlockGroup> groups;
    for (int b = 0; b < size_; b = groups.back().end) groups.push_back(GroupAt(b));
    return groups;
  }

 private:
  BlockRole RoleAt(int b) const {
    return b < size_ ? blocks_[static_cast<size_t>(b)].role : BlockRole::kHeading;
  }

  BlockGroup GroupAt(int begin) const {
    const BlockRole role = RoleAt(begin);
    const bool leads_in = LeadsIn(document_.blocks(begin), blocks_[static_cast<size_t>(begin)]);
    int body = begin;
    if (leads_in) ++body;
    if (RoleAt(body) == BlockRole::kCaption) ++body;
    if (RoleAt(body) == BlockRole::kRow) return Table(begin, body);
    if (leads_in && body == begin + 1) {
      int end = body;
      const BlockRole item = RoleAt(body);
      while ((item == BlockRole::kItem || item == BlockRole::kCode) && RoleAt(end) == item) ++end;
      return {begin, end, body};
    }
    if (role == BlockRole::kQuestion) return Dialogue(begin);
    int end = begin + 1;
    while (role == BlockRole::kCode && RoleAt(end) == BlockRole::kCode) ++end;
    return {begin, end, begin};
  }

  /// The rows of one table; its head ends with the rows that name the columns, the first one where
  /// the file does not say.
  BlockGroup Table(int begin, int rows) const {
    const int32_t table = document_.blocks(rows).table();
    int end = rows;
    while (RoleAt(end) == BlockRole::kRow && document_.blocks(end).table() == table) ++end;
    int head_end = rows + 1;
    while (head_end < end && head_end < rows + kMaxHeaderRows &&
           document_.blocks(head_end).table_header()) {
      ++head_end;
    }
    return {begin, end, head_end};
  }

  /// A question and its answer. The answer's further paragraphs belong to it when the next question
  /// says where they end.
  BlockGroup Dialogue(int begin) const {
    const int head_end = begin + 1;
    if (RoleAt(head_end) != BlockRole::kAnswer) return {begin, head_end, begin};
    int end = head_end + 1;
    while (end < size_ && RoleAt(end) != BlockRole::kQuestion &&
           RoleAt(end) != BlockRole::kHeading && RoleAt(end) != BlockRole::kArticle) {
      ++end;
    }
    const bool closed = end < size_ && RoleAt(end) == BlockRole::kQuestion;
    return {begin, closed ? end : head_end + 1, head_end};
  }

  const ParsedDocument& document_;
  const std::vector<BlockInfo>& blocks_;
  const int size_;
};

}  // namespace

bool EndsLikeSentence(std::string_view text) {
  return EndsWithAny(text, {"。", "；", "，", "：", "！", "？", ".", ";", ",", ":"});
}

std::vector<BlockInfo> FindBlockRoles(const ParsedDocument& document) {
  std::vector<BlockInfo> blocks;
  blocks.reserve(static_cast<size_t>(document.blocks_size()));
  for (const Block& block : document.blocks()) blocks.push_back(RoleAlone(block));
  TakeListsForWhatTheyAre(document, blocks);
  FindEntryTitles(document, blocks);
  return blocks;
}

std::vector<BlockGroup> GroupBlocks(const ParsedDocument& document,
                                    const std::vector<BlockInfo>& blocks) {
  return Grouping(document, blocks).Run();
}

}  // namespace hadal::retrieval
