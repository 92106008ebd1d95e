#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/v1/knowledge.pb.h"

namespace hadal::cli {

/// For people: "visible", or "visible, embedding 40 %" while vectors are still being made.
std::string DocumentState(int32_t chunks, int32_t chunks_pending);

/// "received", "parsed", "chunked", "embedded", "visible", "failed".
std::string StateName(v1::DocumentState state);
StatusOr<v1::DocumentState> ParseState(const std::string& name);
const std::vector<std::string>& StateNames();

/// For programs: "completed" or "in_progress", the names that vector stores have for it.
std::string EmbeddingStatus(int32_t chunks_pending);

}  // namespace hadal::cli
