#pragma once

#include <string>
#include <vector>

#include "retrieval/document.h"

namespace hadal {

/// What a threshold on the evidence would refuse (services/answer/evidence.h), over questions whose
/// answers are known to be there or not. Thread-compatible.
class RefusalTable {
 public:
  /// `hits`: what the answer would be made from, best first.
  void Add(const std::string& question, const std::vector<retrieval::SearchHit>& hits,
           bool answerable);
  /// Shares of each group that are refused, by threshold.
  void Print() const;

 private:
  struct Best {
    double focus = 0;
    double total = 0;
    bool identifiers_missing = false;
  };
  std::vector<Best> answerable_;
  std::vector<Best> absent_;
};

}  // namespace hadal
