#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "hadal/store/v1/document.pb.h"

namespace hadal::retrieval {

/// A document's versions, newest first.
using Versions = absl::Span<const store::v1::DocumentRecord>;

/// The version a search finds at `now_ms`: the newest that has become effective, unless it has
/// expired; an older one never comes back for an expired one.
std::optional<size_t> InForce(Versions versions, int64_t now_ms);

/// The same for a moment of the past: a version without a date was in force from when it was added.
std::optional<size_t> InForceAsOf(Versions versions, int64_t as_of_ms);

/// How many of the versions, from the newest, are still to be kept: those that are not effective
/// yet, the newest effective one, and `keep` behind it.
size_t CountKept(Versions versions, int64_t now_ms, int32_t keep);

/// The newest effective version, expired or not; those behind it are superseded by it.
std::optional<size_t> NewestEffective(Versions versions, int64_t now_ms);

/// When InForce() or CountKept() next changes by the clock alone; 0: never.
int64_t NextChangeMs(Versions versions, int64_t now_ms);

}  // namespace hadal::retrieval
