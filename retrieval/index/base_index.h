#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "retrieval/access_filter.h"
#include "retrieval/index/dense_index.h"
#include "retrieval/index/label_classes.h"
#include "retrieval/index/lexical_index.h"
#include "retrieval/rank/fusion.h"

namespace hadal::retrieval {

/// One chunk of a document version on its way into the index.
struct IndexedChunk {
  uint64_t number = 0;   ///< the store's chunk number
  std::string language;  ///< "zh", "en" or empty
  TermCounts terms;
};

/// Consecutive chunk numbers of one document version.
struct ChunkRange {
  uint64_t first = 0;
  uint64_t count = 0;
};

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
  std::vector<Candidate> best;  ///< best first
  int64_t chunks_allowed = 0;
  int64_t chunks_pending = 0;  ///< of them, scored without a vector
};

/// The derived indexes of one knowledge base: vectors, postings and label bitmaps, in memory. Both
/// channels score every allowed chunk, exactly. A search sees the state before or after a Replace,
/// never between. Thread-safe: searches run side by side, a writer waits for them.
class BaseIndex {
 public:
  explicit BaseIndex(int32_t dim);

  /// In one step: the chunks of `removed` leave and `added` come in under `label`, numbers
  /// ascending and above all earlier ones. vectors [added, dim] row-major, or none: the chunks are
  /// then found by their words until SetVectors().
  void Replace(ChunkRange removed, const Label& label, absl::Span<const IndexedChunk> added,
               absl::Span<const float> vectors) ABSL_LOCKS_EXCLUDED(mu_);

  /// The vectors [chunks.count, dim] of chunks that came without. Chunks that left meanwhile are
  /// passed over.
  void SetVectors(ChunkRange chunks, absl::Span<const float> vectors) ABSL_LOCKS_EXCLUDED(mu_);

  /// What the chunks demand of their reader from now on. Chunks that left are passed over.
  void SetLabel(ChunkRange chunks, const Label& label) ABSL_LOCKS_EXCLUDED(mu_);

  IndexResult Search(const IndexQuery& query, size_t k, const AccessFilter& filter) const
      ABSL_LOCKS_EXCLUDED(mu_);

  int32_t dim() const { return dim_; }
  int64_t live_chunks() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Slot {
    uint64_t number;
    uint32_t label_class;
    uint8_t language;
    bool live;
    bool embedded;
  };

  /// The first slot of `number` or above.
  std::vector<Slot>::iterator FirstSlot(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetAllowed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) ABSL_LOCKS_EXCLUDED(cache_mu_);
  void RemoveRange(ChunkRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  /// Rebuilds without dead slots once they outnumber the live ones.
  void CompactIfWorthIt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint8_t InternLanguage(const std::string& language) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<const AllowedSlots> Allowed(const AccessFilter& filter) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_) ABSL_LOCKS_EXCLUDED(cache_mu_);

  // Constant after construction.
  const int32_t dim_;

  mutable absl::Mutex mu_;
  std::unique_ptr<DenseIndex> dense_ ABSL_GUARDED_BY(mu_);
  LexicalIndex lexical_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<LabelClasses> labels_ ABSL_GUARDED_BY(mu_);
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mu_);          // ascending by number
  std::vector<Label> class_labels_ ABSL_GUARDED_BY(mu_);  // by class id, for compaction
  std::vector<std::string> languages_ ABSL_GUARDED_BY(mu_);
  uint64_t dead_slots_ ABSL_GUARDED_BY(mu_) = 0;

  // What each filter opens, until the next write.
  mutable absl::Mutex cache_mu_ ABSL_ACQUIRED_AFTER(mu_);
  mutable std::unordered_map<std::string, std::shared_ptr<const AllowedSlots>> cache_
      ABSL_GUARDED_BY(cache_mu_);
  mutable size_t cached_bytes_ ABSL_GUARDED_BY(cache_mu_) = 0;
};

}  // namespace hadal::retrieval
