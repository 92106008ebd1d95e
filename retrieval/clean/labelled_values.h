#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "retrieval/clean/text_folder.h"

namespace hadal::retrieval {

struct LabelledValue {
  std::string_view field;  ///< one of retrieval::field
  TextSpan value;          ///< of the folded line, without blanks around it
};

/// The pairs "名称：值" of a folded line, and of a table row ("名称 | 值"), whose names are known.
/// A name stands at the beginning, or behind a blank or a mark that separates.
std::vector<LabelledValue> FindLabelledValues(std::u32string_view line);

}  // namespace hadal::retrieval
