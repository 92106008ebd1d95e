#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "inference/constraint/char_dfa.h"

namespace hadal::inference {

/// How the bytes of a text spell its characters.
enum class Spelling : uint8_t {
  kUtf8,
  kJsonString,  ///< UTF-8 or an escape, as inside the quotes of a JSON string
};

/// The edge taken by the quote that closes a JSON string.
inline constexpr char32_t kStringEnd = kMaxCodePoint + 1;

/// What is known of a character whose bytes have begun; 0: none has. Values that lead to the same
/// edges are equal, so an automaton over bytes stays small.
using PartialChar = uint32_t;

struct CharStep {
  enum class Kind { kDead, kPartial, kEdge };
  Kind kind = Kind::kDead;
  PartialChar partial = 0;  ///< kPartial
  int32_t to = -1;          ///< kEdge: where it leads
  bool operator==(const CharStep&) const = default;
};

/// Takes one byte at a state with `edges` (sorted, disjoint). kDead when no edge can be taken any
/// more: a beginning of a character is only accepted where one of its completions is an edge.
/// Strict UTF-8 (RFC 3629) and JSON (RFC 8259); \u escapes of surrogates only as pairs.
CharStep StepChar(Spelling spelling, absl::Span<const CharEdge> edges, PartialChar partial,
                  uint8_t byte);

}  // namespace hadal::inference
