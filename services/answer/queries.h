#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"

namespace hadal::answer {

/// What to search for so that all of a question can be answered: the question, and where it asks
/// several things ("A? B?", "how much is A, and when is B?") or compares ("A和B哪个…", "the
/// difference between A and B"), each of them by itself: one passage seldom holds both, and
/// together they find what lies between them. Distinct, the question first, at most `max_queries`.
std::vector<std::string> SearchQueries(const std::string& question, int32_t max_queries);

/// The hits of several searches as one list: each search's first, then each one's second, …; every
/// chunk once, at most `top_k` (at least one a search). Complete when all were.
internal::v1::SearchResponse MergeHits(const std::vector<internal::v1::SearchResponse>& found,
                                       int32_t top_k);

}  // namespace hadal::answer
