#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "retrieval/chunk/block_roles.h"

namespace hadal::retrieval {

/// The headings above the place where a walk over the blocks is. Levels of styles order headings
/// that have one. The others are ordered by the kind of their number: a kind seen before ends the
/// section it began, a new one begins a section inside the last (一、 then （一）, 第一章 then
/// 一、, 2.1 then （一）). Not thread-safe.
class HeadingPath {
 public:
  struct Entry {
    std::string text;
    int32_t tokens = 0;
    BlockInfo block;
    int32_t section = 0;  ///< number of the section, in order from 1
  };

  /// A heading or an article (its label alone).
  void Enter(const BlockInfo& block, std::string text, int32_t tokens);
  /// How many open sections end where `block` begins one.
  int Ends(const BlockInfo& block) const {
    return static_cast<int>(entries_.size() - Keeps(block));
  }
  /// Ends the open article, if there is one.
  void LeaveArticle();

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  /// The entries, from the outermost, that stay open.
  size_t Keeps(const BlockInfo& block) const;

  std::vector<Entry> entries_;
  int32_t sections_ = 0;
};

}  // namespace hadal::retrieval
