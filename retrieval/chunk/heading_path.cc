#include "retrieval/chunk/heading_path.h"

#include <utility>

namespace hadal::retrieval {
namespace {

/// Marks of one family have an order of their own; decimals have their depth.
enum class Family : uint8_t { kDivisions, kList, kDecimals };

Family FamilyOf(const StructureMark& mark) {
  switch (mark.kind) {
    case MarkKind::kPart:
    case MarkKind::kChapter:
    case MarkKind::kSection:
    case MarkKind::kArticle:
      return Family::kDivisions;
    case MarkKind::kDecimal:
      return Family::kDecimals;
    default:
      return Family::kList;
  }
}

int RankOf(const StructureMark& mark) {
  return mark.kind == MarkKind::kDecimal ? mark.depth : static_cast<int>(mark.kind);
}

/// Whether a section numbered `inner` cannot stand inside one numbered `outer`.
bool EndsSection(const StructureMark& outer, const StructureMark& inner) {
  return outer.kind != MarkKind::kNone && FamilyOf(outer) == FamilyOf(inner) &&
         RankOf(outer) >= RankOf(inner);
}

}  // namespace

void HeadingPath::Enter(const BlockInfo& block, std::string text, int32_t tokens) {
  entries_.resize(Keeps(block));
  entries_.push_back({std::move(text), tokens, block, ++sections_});
}

void HeadingPath::LeaveArticle() {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].block.role == BlockRole::kArticle) entries_.resize(i);
  }
}

size_t HeadingPath::Keeps(const BlockInfo& block) const {
  size_t keeps = 0;
  for (; keeps < entries_.size(); ++keeps) {
    const BlockInfo& outer = entries_[keeps].block;
    if (block.level > 0) {
      if (outer.level == 0 || outer.level >= block.level) break;
    } else if (block.series > 0 ? outer.series == block.series
                                : EndsSection(outer.mark, block.mark)) {
      break;
    }
  }
  return keeps;
}

}  // namespace hadal::retrieval
