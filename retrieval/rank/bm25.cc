#include "retrieval/rank/bm25.h"

#include <algorithm>
#include <cmath>

namespace hadal::retrieval {

double InverseDocumentFrequency(uint64_t chunks, uint64_t chunks_with_term) {
  const double all = static_cast<double>(chunks);
  const double with = static_cast<double>(std::min(chunks, chunks_with_term));
  return std::log(1.0 + (all - with + 0.5) / (with + 0.5));
}

// Without an average no chunk holds a term: any norm will do.
Saturation::Saturation(double average_length, const Bm25Parameters& parameters)
    : most_(parameters.k1 + 1.0),
      constant_(parameters.k1 * (average_length > 0 ? 1.0 - parameters.b : 1.0)),
      by_length_(average_length > 0 ? parameters.k1 * parameters.b / average_length : 0.0) {}

double TermSaturation(uint32_t term_count, uint32_t chunk_length, double average_length,
                      const Bm25Parameters& parameters) {
  return Saturation(average_length, parameters)(term_count, chunk_length);
}

}  // namespace hadal::retrieval
