#pragma once

#include <cstdint>
#include <vector>

#include "retrieval/rank/tokens.h"

namespace hadal::retrieval {

struct IndexQuery {
  std::vector<float> vector;  ///< [dim] unit length
  std::vector<TermId> terms;  ///< each once
};

struct Candidate {
  uint64_t number = 0;
  double score = 0;
  float dense = 0;
  float lexical = 0;
  float coverage = 0;
};

struct IndexResult {
  std::vector<Candidate> best;  ///< best first, among equals the lower number
  int64_t chunks_allowed = 0;
  int64_t chunks_pending = 0;  ///< of them, scored without a vector
  int64_t examined = 0;        ///< chunks whose vector was compared with the query
  /// Every allowed chunk had its chance: these are the best of all. False where a graph chose.
  bool complete = true;
};

}  // namespace hadal::retrieval
