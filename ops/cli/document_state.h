#pragma once

#include <cstdint>
#include <string>

namespace hadal::cli {

/// For people: "visible", or "visible, embedding 40 %" while vectors are still being made.
std::string DocumentState(int32_t chunks, int32_t chunks_pending);

/// For programs: "completed" or "in_progress", the names that vector stores have for it.
std::string EmbeddingStatus(int32_t chunks_pending);

}  // namespace hadal::cli
