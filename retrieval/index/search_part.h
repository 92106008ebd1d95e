#pragma once

#include <cstddef>
#include <memory>

#include "retrieval/index/allowed_slots.h"
#include "retrieval/index/segment.h"

namespace hadal::retrieval {

/// One segment in a search. All allowed slots of all parts have positions, in the order of the
/// parts: position = first + the slot's place among the allowed of its part.
struct SearchPart {
  const Segment* segment = nullptr;
  std::shared_ptr<const AllowedSlots> allowed;
  size_t first = 0;

  size_t end() const { return first + allowed->size(); }
  uint32_t slot(size_t position) const { return allowed->slots()[position - first]; }
};

}  // namespace hadal::retrieval
