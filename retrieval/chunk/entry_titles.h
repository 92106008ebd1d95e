#pragma once

#include <vector>

#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/chunk/block_roles.h"

namespace hadal::retrieval {

/// Makes headings of lines that title the entries of a series, where the file has no styles that
/// say so: "T10 油室换油", "条目M-006 燃气泄漏", "ALM-26101 …". Such a line is short, without the
/// stop of a sentence, and begins with a code that ends in a number; at least three share the code
/// but for the number, which grows, and each has text of its own before the next. Linear time, up
/// to sorting.
void FindEntryTitles(const internal::v1::ParsedDocument& document, std::vector<BlockInfo>& blocks);

}  // namespace hadal::retrieval
