#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/parse/structure_marks.h"

namespace hadal::retrieval {

/// What a block is among its neighbours.
enum class BlockRole : uint8_t {
  kText,
  kHeading,
  kArticle,  ///< 第…条 and its text: numbered, yet no heading
  kCaption,  ///< of a table: "表1 …"
  kLeadIn,   ///< ends with a colon
  kItem,
  kRow,
  kQuestion,  ///< 问： or "Q1:"
  kAnswer,
  kCode,
};

struct BlockInfo {
  BlockRole role = BlockRole::kText;
  int level = 0;       ///< of a heading with a style: 1 to 6; 0: known by its mark only
  int series = 0;      ///< of the title of an entry ("T10 …"): which series; else 0
  StructureMark mark;  ///< of paragraphs, headings and list items
};

/// Blocks [begin, end) that stand in one chunk where they fit: a table with its caption, a list
/// with its lead-in, a question with its answer, lines of code, or any one block. What is cut off
/// behind head_end is read under the blocks before it (header rows, lead-in, question).
struct BlockGroup {
  int begin = 0;
  int end = 0;
  int head_end = 0;
};

/// Whether the text ends with a stop, a pause or a colon.
bool EndsLikeSentence(std::string_view text);

/// One for each block. A paragraph is a heading by its mark only where it reads like one: short,
/// without the stop of a sentence, not a reference ("第三章的规定…") and not an item of a list.
std::vector<BlockInfo> FindBlockRoles(const internal::v1::ParsedDocument& document);

/// Covers all blocks in order. Linear time.
std::vector<BlockGroup> GroupBlocks(const internal::v1::ParsedDocument& document,
                                    const std::vector<BlockInfo>& blocks);

}  // namespace hadal::retrieval
