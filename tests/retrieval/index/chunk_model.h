#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "retrieval/access_filter.h"
#include "retrieval/index/base_index.h"

namespace hadal::retrieval {

/// A chunk as a list of chunks holds it, which knows nothing of slots, bitmaps or segments.
struct ModelChunk {
  uint64_t number;
  Label label;
  std::string language;
  std::vector<float> vector;
  TermCounts terms;
  bool embedded = true;
};

inline std::vector<float> RandomVector(size_t dim, std::mt19937& random) {
  std::vector<float> vector(dim);
  double norm = 0;
  for (float& value : vector) {
    value = std::uniform_real_distribution<float>(-1, 1)(random);
    norm += double{value} * value;
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(norm));
  return vector;
}

inline TermCounts RandomTerms(std::mt19937& random, int most = 20, int vocabulary = 30) {
  std::vector<TermId> terms;
  const int length = static_cast<int>(random() % static_cast<unsigned>(most));
  for (int i = 0; i < length; ++i) {
    terms.push_back(1 + random() % static_cast<unsigned>(vocabulary));
  }
  return CountTerms(std::move(terms));
}

}  // namespace hadal::retrieval
