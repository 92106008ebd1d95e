#include "retrieval/rank/bm25.h"

#include <algorithm>
#include <cmath>

namespace hadal::retrieval {

double InverseDocumentFrequency(uint64_t chunks, uint64_t chunks_with_term) {
  const double all = static_cast<double>(chunks);
  const double with = static_cast<double>(std::min(chunks, chunks_with_term));
  return std::log(1.0 + (all - with + 0.5) / (with + 0.5));
}

double TermSaturation(uint32_t term_count, uint32_t chunk_length, double average_length,
                      const Bm25Parameters& parameters) {
  const double tf = term_count;
  const double relative = average_length > 0 ? chunk_length / average_length : 1.0;
  const double norm = parameters.k1 * (1.0 - parameters.b + parameters.b * relative);
  return tf * (parameters.k1 + 1.0) / (tf + norm);
}

}  // namespace hadal::retrieval
