#pragma once

#include <cstdint>
#include <map>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "retrieval/access_filter.h"
#include "retrieval/rank/bm25.h"

namespace hadal::retrieval {

/// Which slots carry which label. Equal labels share a class, so an AccessFilter is evaluated once
/// a class and not once a chunk, and the slots it opens are a union of bitmaps. Thread-compatible.
class LabelClasses {
 public:
  /// Puts the live slots first..end-1 under `label`; `terms` is their lengths' sum. Returns the
  /// class.
  uint32_t Add(const Label& label, uint32_t first, uint32_t end, uint64_t terms);
  /// The slot is in no class any more.
  void Remove(uint32_t class_id, uint32_t slot, uint32_t length);

  struct Opened {
    ::Roaring slots;
    CollectionStatistics statistics;
  };
  Opened Open(const AccessFilter& filter) const;

  const Label& label(uint32_t class_id) const { return classes_[class_id].label; }

 private:
  struct Class {
    Label label;
    ::Roaring slots;
    uint64_t terms = 0;
  };
  std::map<std::string, uint32_t> ids_;  // canonical label -> class
  std::vector<Class> classes_;
};

/// The same bytes for labels, or filters, that mean the same: sets sorted, duplicates gone, each
/// name with its length before it so that no two sets run together.
std::string CanonicalKey(Classification level, std::vector<std::string> compartments,
                         std::vector<std::string> groups);

}  // namespace hadal::retrieval
