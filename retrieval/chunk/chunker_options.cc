#include <fmt/format.h>

#include "retrieval/chunker.h"

namespace hadal::retrieval {
namespace {

// Goes up with every change that cuts some document differently.
constexpr int kChunkerVersion = 3;

constexpr int32_t kLeastTokens = 16;
constexpr int32_t kMostTokens = 8192;
constexpr int32_t kMostParentTokens = 65'536;

}  // namespace

Status ValidateChunkerOptions(const ChunkerOptions& options) {
  if (options.max_tokens < kLeastTokens || options.max_tokens > kMostTokens) {
    return InvalidArgument("a chunk of at most {} tokens: expected {} to {}", options.max_tokens,
                           kLeastTokens, kMostTokens);
  }
  if (options.target_tokens < 1 || options.target_tokens > options.max_tokens) {
    return InvalidArgument("{} tokens aimed at: expected 1 to {}, the most of a chunk",
                           options.target_tokens, options.max_tokens);
  }
  if (options.overlap_tokens < 0 || options.overlap_tokens * 2 > options.target_tokens) {
    return InvalidArgument("an overlap of {} tokens: expected 0 to {}, half of what is aimed at",
                           options.overlap_tokens, options.target_tokens / 2);
  }
  if (options.parent_tokens < 0 || options.parent_tokens > kMostParentTokens) {
    return InvalidArgument("parents of {} tokens: expected 0 to {}", options.parent_tokens,
                           kMostParentTokens);
  }
  return OkStatus();
}

std::string ChunkerFingerprint(const ChunkerOptions& options) {
  return fmt::format("chunker={} target={} max={} overlap={} parent={}", kChunkerVersion,
                     options.target_tokens, options.max_tokens, options.overlap_tokens,
                     options.parent_tokens);
}

}  // namespace hadal::retrieval
