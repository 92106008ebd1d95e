#include "ops/cli/document_state.h"

#include <fmt/format.h>

#include <algorithm>

namespace hadal::cli {

std::string DocumentState(int32_t chunks, int32_t chunks_pending) {
  if (chunks_pending <= 0) return "visible";
  const int64_t done = std::max(chunks - chunks_pending, 0);
  return fmt::format("visible, embedding {} %", done * 100 / std::max(chunks, 1));
}

std::string EmbeddingStatus(int32_t chunks_pending) {
  return chunks_pending > 0 ? "in_progress" : "completed";
}

}  // namespace hadal::cli
