#pragma once

#include <cstdint>
#include <vector>

#include "retrieval/document.h"

namespace hadal::retrieval {

/// Gives each chunk its parent (Chunk::section_first and _last): the largest section around it of
/// at most `max_tokens`, the whole document included; where even the innermost is larger, the part
/// of it that the chunk falls into. Parents do not overlap. `sections`: for each chunk the sections
/// it begins in, outermost first.
void AssignParents(const std::vector<std::vector<int32_t>>& sections, int32_t max_tokens,
                   std::vector<Chunk>& chunks);

}  // namespace hadal::retrieval
