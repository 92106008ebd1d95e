#pragma once

#include <memory>
#include <string>
#include <vector>

#include "retrieval/index/graph.h"
#include "retrieval/index/segment.h"
#include "retrieval/index/segment_file.h"

namespace hadal::retrieval {

/// One term of a sealed segment; its blocks are those before the next term's first.
struct TermEntry {
  TermId id;
  uint32_t first_block;
  uint32_t postings;
};
static_assert(sizeof(TermEntry) == 16);

/// An immutable segment in a mapped file. Thread-safe.
class SealedSegment final : public Segment {
 public:
  /// DATA_LOSS, too, where what a part says is impossible: after an OK no byte of the file can
  /// lead a search outside of it.
  static StatusOr<std::unique_ptr<SealedSegment>> Open(const std::string& path,
                                                       const SegmentIdentity& identity,
                                                       const SectionCipher* cipher);

  absl::Span<const uint64_t> numbers() const override { return numbers_; }
  absl::Span<const uint32_t> lengths() const override { return lengths_; }
  absl::Span<const uint8_t> languages() const override { return languages_; }
  VectorRows rows() const override;
  absl::Span<const Graph> graphs() const override { return graphs_; }
  PostingList Postings(TermId term) const override;
  void ForEachTerm(const std::function<void(TermId, const PostingList&)>& visit) const override;

  /// By the numbers in the file.
  const std::vector<std::string>& language_names() const { return language_names_; }
  /// Renumbers the languages: the base's number for each of language_names(). Call once, before
  /// any search.
  void TranslateLanguages(absl::Span<const uint8_t> numbers);
  uint64_t sequence() const { return sequence_; }
  const std::string& path() const { return path_; }

 private:
  SealedSegment() = default;
  Status Check() const;
  Status CheckTerms() const;
  Status ReadLanguages();
  Status ReadGraphs();
  PostingList ListOf(size_t term) const;

  std::string path_;
  uint64_t sequence_ = 0;
  size_t dim_ = 0;
  std::unique_ptr<SegmentFile> file_;
  absl::Span<const uint64_t> numbers_;
  absl::Span<const uint32_t> lengths_;
  absl::Span<const TermEntry> terms_;
  absl::Span<const PostingBlock> blocks_;
  std::vector<uint8_t> languages_;  // translated
  std::vector<std::string> language_names_;
  std::vector<Graph> graphs_;
};

}  // namespace hadal::retrieval
