#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "retrieval/index/base_index.h"

namespace hadal::retrieval {

/// A document version that is visible by its words while its vectors are being made, in the order
/// of its chunks.
struct PendingDocument {
  std::string base_id;
  uint32_t base = 0;
  std::string document_id;
  ChunkRange chunks;
  uint64_t embedded = 0;  ///< of the chunks, from the first
};

/// What is still to be embedded: the pending keys of the database, in memory. Chunk numbers are
/// never given twice, so (base, first chunk) names one version of one document. Thread-safe.
class PendingVectors {
 public:
  using Key = std::pair<uint32_t, uint64_t>;
  static Key KeyOf(const PendingDocument& document) {
    return {document.base, document.chunks.first};
  }

  void Add(PendingDocument document) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(Key key) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveBase(uint32_t base) ABSL_LOCKS_EXCLUDED(mu_);
  bool Contains(Key key) const ABSL_LOCKS_EXCLUDED(mu_);
  /// So many more chunks have their vectors; with the last of them the document is taken out.
  void Advance(Key key, uint64_t chunks) ABSL_LOCKS_EXCLUDED(mu_);
  /// Chunks of the version without a vector; 0 when there is no such entry.
  int32_t Chunks(Key key) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Waits until something is pending: the first at `from` or behind it, else the first of all.
  /// nullopt once stopped.
  std::optional<PendingDocument> Next(Key from) const ABSL_LOCKS_EXCLUDED(mu_);
  /// False once stopped.
  bool Pause(absl::Duration duration) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Next() and Pause() return at once from now on.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::map<Key, PendingDocument> documents_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace hadal::retrieval
