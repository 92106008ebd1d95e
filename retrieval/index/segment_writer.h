#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "retrieval/index/memory_segment.h"
#include "retrieval/index/segment.h"
#include "retrieval/index/segment_file.h"

namespace hadal::retrieval {

/// Chosen slots of a segment, ascending, all with vectors.
struct ChosenSlots {
  const Segment* segment = nullptr;
  std::vector<uint32_t> slots;
};

struct WriteOptions {
  absl::Span<const std::string> language_names;  ///< by the segments' language numbers
  uint32_t graph_chunks = 0;                     ///< a language of so many gets a graph; 0: none
  const SectionCipher* cipher = nullptr;
};

/// Writes the chunks of all `chosen` as one sealed segment, ascending by number; no number may come
/// twice. Its memory is about twice what it writes.
Status WriteSegment(const std::string& path, const SegmentIdentity& identity,
                    absl::Span<const ChosenSlots> chosen, const WriteOptions& options);

/// Adds the chosen chunks to `to`, with their vectors if they have one.
void CopyChunks(const Segment& from, absl::Span<const uint32_t> slots, MemorySegment& to);

}  // namespace hadal::retrieval
