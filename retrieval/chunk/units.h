#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/token_counter.h"

namespace hadal::retrieval {

/// A piece of the extracted text that is never cut: a sentence, or part of one that is too long.
struct Unit {
  size_t start_byte = 0;
  size_t end_byte = 0;
  int64_t start = 0;  ///< code points
  int64_t end = 0;
  int32_t tokens = 0;
  int block = 0;
};

/// The units of the blocks, in order, none of more than `max_tokens` unless it is one character.
/// Each is counted alone, so that their sum is seldom less than what they have together. `text` is
/// ExtractedText(document). Fails as the counter does.
StatusOr<std::vector<Unit>> MakeUnits(const internal::v1::ParsedDocument& document,
                                      std::string_view text, int32_t max_tokens,
                                      TokenCounter& counter);

}  // namespace hadal::retrieval
