#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "retrieval/access_filter.h"
#include "retrieval/index/index_result.h"
#include "retrieval/index/sealed_segment.h"
#include "retrieval/index/segment_folder.h"
#include "retrieval/index/segment_state.h"
#include "retrieval/index/segment_writer.h"

namespace hadal::retrieval {

struct BaseIndexOptions {
  std::string folder;  ///< of the sealed segments' files; empty: everything stays in memory
  int32_t dim = 0;
  /// Whatever, when it changes, makes vectors or terms of the old chunks useless; at most 255
  /// bytes.
  std::string embedding_model;
  /// Chunks of this number and above were never given by this store: a file that holds one is of
  /// another history (before a backup came back) and is removed.
  uint64_t end_chunk = std::numeric_limits<uint64_t>::max();
  int64_t seal_chunks = 131'072;  ///< most chunks of a sealed segment; 1 to 16,777,216
  double max_dead_share = 0.2;    ///< a segment with more dead slots is written anew
  /// Readers of at most so many chunks are answered exactly; others' candidates come from the
  /// graphs, where there are any.
  uint64_t exact_chunks = 100'000;
  uint32_t graph_chunks = 16'384;  ///< a language of so many in a segment gets a graph; 0: none
  /// Seals the files; null: they are plain.
  std::shared_ptr<const SectionCipher> cipher;
};

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
  uint64_t end() const { return first + count; }
  bool operator==(const ChunkRange&) const = default;
};

/// The derived index of one knowledge base: vectors, postings and labels. New chunks come into a
/// segment in memory; Maintain() seals full ones as files that are mapped. The store is the truth:
/// after Open(), Reconcile() says what to feed. A search sees the state before or after a change,
/// never between. Thread-safe: searches run side by side, a writer waits for them.
class BaseIndex {
 public:
  struct LiveRange {
    ChunkRange chunks;
    Label label;
  };
  struct Missing {
    std::vector<ChunkRange> chunks;  ///< ascending; to be given by Replace()
    /// Chunks that are there without their vectors. Empty today, since a chunk is sealed with its
    /// vector only; those in `chunks` come with Replace() and SetVectors() as new ones do.
    std::vector<ChunkRange> vectors;
  };
  struct Generation {
    uint64_t number = 0;             ///< grows with every change of the files; survives restarts
    std::vector<std::string> files;  ///< names in the folder, oldest first
    int64_t dead_slots = 0;          ///< removed chunks that the files still hold
  };

  /// Maps the files of the folder. One that is damaged, of another layout, model or tokenizer is
  /// removed, with its reason in the log. INVALID_ARGUMENT for options out of range.
  static StatusOr<std::unique_ptr<BaseIndex>> Open(const BaseIndexOptions& options);

  /// Once, after Open() and before all else. `live`: the chunks of all live document versions with
  /// their labels, ascending. What else the files hold is dead.
  Missing Reconcile(absl::Span<const LiveRange> live) ABSL_LOCKS_EXCLUDED(mu_);

  /// In one step: the chunks of `removed` leave and `added` come in under `label`, numbers
  /// ascending and above all that were added since Open(). vectors [added, dim] row-major, or none:
  /// the chunks are then found by their words until SetVectors().
  void Replace(ChunkRange removed, const Label& label, absl::Span<const IndexedChunk> added,
               absl::Span<const float> vectors) ABSL_LOCKS_EXCLUDED(mu_);

  /// The vectors [chunks.count, dim] of chunks that came without. Chunks that left meanwhile, or
  /// have their vector, are passed over.
  void SetVectors(ChunkRange chunks, absl::Span<const float> vectors) ABSL_LOCKS_EXCLUDED(mu_);

  /// The chunks of the range that are there get another label; their vectors stay.
  void SetLabel(ChunkRange chunks, const Label& label) ABSL_LOCKS_EXCLUDED(mu_);

  IndexResult Search(const IndexQuery& query, size_t k, const AccessFilter& filter) const
      ABSL_LOCKS_EXCLUDED(mu_);

  /// What a background thread does now and then: seals a full segment, writes those anew that have
  /// many dead slots, merges small ones. Searches and writers go on meanwhile. After an error
  /// (a full disk) everything is as it was, and the next call tries again.
  Status Maintain() ABSL_LOCKS_EXCLUDED(maintain_mu_, mu_);

  /// Writes every file anew that holds a removed chunk. After an OK no byte of the chunks that were
  /// removed before the call is in the folder, and generation().number names that state.
  Status Purge() ABSL_LOCKS_EXCLUDED(maintain_mu_, mu_);

  Generation generation() const ABSL_LOCKS_EXCLUDED(mu_);
  /// Whether a file holds one of the chunks, removed or not.
  bool InFiles(ChunkRange chunks) const ABSL_LOCKS_EXCLUDED(mu_);
  int64_t live_chunks() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  /// A segment with its state; one of memory and sealed is set.
  struct Member {
    explicit Member(std::unique_ptr<MemorySegment> owned);
    explicit Member(std::unique_ptr<SealedSegment> owned);
    const Segment& segment() const;

    const std::unique_ptr<MemorySegment> memory;
    const std::unique_ptr<SealedSegment> sealed;
    SegmentState state;
  };

  BaseIndex(const BaseIndexOptions& options, std::unique_ptr<SegmentFolder> folder);

  Status OpenFiles() ABSL_LOCKS_EXCLUDED(mu_);
  Member& open() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return *members_.back(); }
  uint8_t InternLanguage(const std::string& language) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TranslateLanguages(SealedSegment& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  /// Calls change(state, first slot, end slot) for each segment's slots of the range.
  template <typename Change>
  void ForSlots(ChunkRange range, const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CompactOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Rewriting, under maintain_mu_. Only there do members leave.
  Status RemoveStrays() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  void FreezeOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  /// Groups of members, each to be rewritten together.
  std::vector<std::vector<Member*>> WorthRewriting() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  /// The inputs' live chunks with vectors move into new sealed segments.
  Status Rewrite(const std::vector<Member*>& inputs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<std::vector<std::unique_ptr<SealedSegment>>> WriteFiles(
      absl::Span<const ChosenSlots> chosen) ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  void TakeOver(Member& input, absl::Span<const uint32_t> slots,
                absl::Span<const std::unique_ptr<Member>> outputs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const BaseIndexOptions options_;
  const std::unique_ptr<SegmentFolder> folder_;  // null: memory only

  absl::Mutex maintain_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  mutable absl::Mutex mu_;
  std::vector<std::unique_ptr<Member>> members_ ABSL_GUARDED_BY(mu_);  // the open one is the last
  std::vector<std::string> languages_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval
