#pragma once

#include <cstdint>

namespace hadal::retrieval {

/// What BM25 needs to know of the collection. Always taken over the chunks the reader may see:
/// statistics over all of them would tell him how many hidden documents hold a word.
struct CollectionStatistics {
  uint64_t chunks = 0;
  uint64_t terms = 0;  ///< occurrences in all of them together
};

struct Bm25Parameters {
  double k1 = 1.2;
  double b = 0.75;
};

/// log(1 + (N - n + 0.5) / (n + 0.5)): never negative (Lucene's form of Robertson's idf).
double InverseDocumentFrequency(uint64_t chunks, uint64_t chunks_with_term);

/// The part of a term's score that depends on the chunk, to be multiplied by its idf: tf saturated
/// by k1 and normalised by the chunk's length against the average. It grows with the count and
/// falls with the length.
class Saturation {
 public:
  explicit Saturation(double average_length, const Bm25Parameters& parameters = {});

  double operator()(uint32_t term_count, uint32_t chunk_length) const {
    return term_count * most_ / (term_count + constant_ + by_length_ * chunk_length);
  }

 private:
  double most_;
  double constant_;
  double by_length_;
};

double TermSaturation(uint32_t term_count, uint32_t chunk_length, double average_length,
                      const Bm25Parameters& parameters = {});

}  // namespace hadal::retrieval
