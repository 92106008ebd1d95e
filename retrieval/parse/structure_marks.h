#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hadal::retrieval {

/// The marks by which Chinese and English documents number their parts, found without layout.

enum class MarkKind : uint8_t {
  kNone,
  kPart,            ///< 第…编, 第…部
  kChapter,         ///< 第…章
  kSection,         ///< 第…节
  kArticle,         ///< 第…条, 第…条之一
  kChineseItem,     ///< 一、
  kChineseBracket,  ///< （一）
  kDecimal,         ///< 1. 1、 "2 Scope" 2.1.3
  kBracket,         ///< (1)
};

struct StructureMark {
  MarkKind kind = MarkKind::kNone;
  int depth = 0;          ///< of kDecimal: its components
  size_t size_bytes = 0;  ///< of the mark, with the blanks before it
};

/// The mark at the beginning of `text`. Whether it numbers what follows or is named in a sentence
/// ("第十条规定的…") is for the caller to tell.
StructureMark FindStructureMark(std::string_view text);

/// Depth of a numbered heading: 1 for 第一章, 一、 and "2 Scope", 2 for 第三节, （一） and "2.1",
/// and so on; 0 for a text that begins with none of them.
int StructureLevel(std::string_view text);
/// 第…编, 章, 节: names of divisions, which never begin an ordinary line.
bool IsNamedDivision(std::string_view text);
/// 第…条, （一）, 一、 and bullets begin a block wherever they stand.
bool StartsBlock(std::string_view text);
/// Also "1.", "(2)", "3)": a number that may begin a block or continue a sentence.
bool StartsNumbered(std::string_view text);
/// A bullet or "1." and the like.
bool StartsListItem(std::string_view text);

}  // namespace hadal::retrieval
