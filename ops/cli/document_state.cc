#include "ops/cli/document_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace hadal::cli {

std::string DocumentState(int32_t chunks, int32_t chunks_pending) {
  if (chunks_pending <= 0) return "visible";
  const int64_t done = std::max(chunks - chunks_pending, 0);
  return fmt::format("visible, embedding {} %", done * 100 / std::max(chunks, 1));
}

const std::vector<std::string>& StateNames() {
  static const auto* const names = new std::vector<std::string>{"received", "parsed",  "chunked",
                                                                "embedded", "visible", "failed"};
  return *names;
}

std::string StateName(v1::DocumentState state) {
  const auto number = static_cast<size_t>(state);
  return number >= 1 && number <= StateNames().size() ? StateNames()[number - 1] : "unknown";
}

StatusOr<v1::DocumentState> ParseState(const std::string& name) {
  for (size_t i = 0; i < StateNames().size(); ++i) {
    if (StateNames()[i] == name) return static_cast<v1::DocumentState>(i + 1);
  }
  return InvalidArgument("'{}' is no state of a document; expected one of {}", name,
                         fmt::join(StateNames(), ", "));
}

std::string EmbeddingStatus(int32_t chunks_pending) {
  return chunks_pending > 0 ? "in_progress" : "completed";
}

}  // namespace hadal::cli
