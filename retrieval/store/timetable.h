#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "retrieval/index/base_index.h"

namespace hadal::retrieval {

/// The documents whose dates decide what a search finds: when the next of them changes, and what
/// stands in the index for those whose newest version does not. Thread-compatible but for
/// next_change_ms(), which is thread-safe.
class Timetable {
 public:
  using Document = std::pair<uint32_t, std::string>;  ///< base, id

  /// Replaces what is known of the document. `indexed`: absent when its newest version is;
  /// `next_change_ms`: 0 for never.
  void Set(const Document& document, std::optional<ChunkRange> indexed, int64_t next_change_ms);
  void Forget(const Document& document) { Set(document, std::nullopt, 0); }
  void ForgetBase(uint32_t base);

  /// What stands in the index instead of the newest version; nullopt: that version.
  std::optional<ChunkRange> Indexed(const Document& document) const;
  /// A document whose time has come.
  std::optional<Document> Due(int64_t now_ms) const;

  int64_t next_change_ms() const { return next_change_ms_; }

 private:
  void UpdateNext();

  std::map<Document, ChunkRange> indexed_;
  std::map<Document, int64_t> change_ms_;
  std::set<std::pair<int64_t, Document>> by_time_;
  std::atomic<int64_t> next_change_ms_ = std::numeric_limits<int64_t>::max();
};

}  // namespace hadal::retrieval
