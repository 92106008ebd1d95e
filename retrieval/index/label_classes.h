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
  /// Puts a live slot under `label`; `length` is its number of terms. Returns the class.
  uint32_t Add(const Label& label, uint32_t slot, uint32_t length);
  /// The slot is in no class any more.
  void Remove(uint32_t class_id, uint32_t slot, uint32_t length);

  struct Opened {
    ::Roaring slots;
    CollectionStatistics statistics;
  };
  Opened Open(const AccessFilter& filter) const;

  size_t size() const { return classes_.size(); }

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
