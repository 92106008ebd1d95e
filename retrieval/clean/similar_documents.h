#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "retrieval/clean/min_hash.h"

namespace hadal::retrieval {

struct SimilarDocument {
  uint64_t document = 0;
  double similarity = 0;
  bool operator==(const SimilarDocument&) const = default;
};

/// Signatures in memory, found by their likeness: 18 bands of 7 values each (locality-sensitive
/// hashing). Two documents that share a band are compared; with a true similarity of 0.95, 0.9 and
/// 0.8 they do with probability 1, 1.0000 and 0.985, with 0.5 in 13 % of the cases. Derived: made
/// again from the stored signatures. Values are compared by their low 16 bits, which takes an
/// estimate up by 0.002 % at most. Tables double as they grow: 0.7 GB for a million documents,
/// never more than 1.1 KB for each. Removing takes time in proportion to the newer documents that
/// share a band. Knows nothing of who may read what: the caller asks before he tells.
/// Thread-compatible.
class SimilarDocuments {
 public:
  static constexpr size_t kBands = 18;
  static constexpr size_t kBandValues = 7;
  /// So many documents are compared for one question: a letter head that ten thousand share is no
  /// reason to look at them all. The newest of a band come first.
  static constexpr size_t kMaxCompared = 2048;

  /// `document` must not be in it. An empty signature is ignored.
  void Add(uint64_t document, const MinHashSignature& signature);
  /// False when it was not in it.
  bool Remove(uint64_t document);
  /// Documents of at least `least` similarity, the most similar first, equal ones by number.
  std::vector<SimilarDocument> Find(const MinHashSignature& signature, double least,
                                    size_t max_results) const;

  size_t size() const { return slot_of_.size(); }

 private:
  using Slot = uint32_t;
  static constexpr Slot kNone = ~Slot{0};

  double Similarity(Slot slot, const MinHashSignature& signature) const;

  absl::flat_hash_map<uint64_t, Slot> slot_of_;
  absl::flat_hash_map<uint32_t, Slot> newest_of_band_;
  // By slot: the document, its values, and for each band the next older slot with the same key.
  std::vector<uint64_t> documents_;
  std::vector<uint16_t> values_;
  std::vector<Slot> older_;
  std::vector<Slot> free_;
};

}  // namespace hadal::retrieval
