#include "inference/tokenizer/bpe_merger.h"

#include <climits>
#include <queue>

namespace hadal::inference {
namespace {

// Up to here scanning all pairs again after each merge is faster than a heap.
constexpr size_t kShortWord = 32;

}  // namespace

void BpeMerger::Apply(std::vector<int32_t>& symbols, std::vector<int32_t>& ids) const {
  if (symbols.size() <= kShortWord) {
    ApplyShort(symbols);
  } else {
    ApplyLong(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeMerger::ApplyShort(std::vector<int32_t>& symbols) const {
  Merge pairs[kShortWord];  // of symbols i and i + 1
  auto pair_at = [&](size_t i) {
    const Merge* merge = i + 1 < symbols.size() ? Find(symbols[i], symbols[i + 1]) : nullptr;
    return merge != nullptr ? *merge : Merge{INT_MAX, -1};
  };
  for (size_t i = 0; i < symbols.size(); ++i) pairs[i] = pair_at(i);
  while (symbols.size() > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < symbols.size(); ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == INT_MAX) break;
    symbols[best] = pairs[best].merged;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    for (size_t i = best + 1; i < symbols.size(); ++i) pairs[i] = pairs[i + 1];
    pairs[best] = pair_at(best);
    if (best > 0) pairs[best - 1] = pair_at(best - 1);
  }
}

void BpeMerger::ApplyLong(std::vector<int32_t>& symbols) const {
  struct Candidate {
    int32_t rank;
    uint32_t position;
    int32_t merged;
    bool operator<(const Candidate& other) const {  // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  const auto count = static_cast<uint32_t>(symbols.size());
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> next(count), previous(count);
  std::priority_queue<Candidate> queue;
  auto consider = [&](uint32_t left) {
    const uint32_t right = next[left];
    if (right == kNone) return;
    if (const Merge* merge = Find(symbols[left], symbols[right])) {
      queue.push({merge->rank, left, merge->merged});
    }
  };
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kNone : i - 1;
    next[i] = i + 1 < count ? i + 1 : kNone;
  }
  for (uint32_t i = 0; i < count; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    const uint32_t left = top.position;
    if (symbols[left] < 0 || next[left] == kNone) continue;
    const uint32_t right = next[left];
    // One of the two symbols has merged with another since.
    const Merge* merge = Find(symbols[left], symbols[right]);
    if (merge == nullptr || merge->rank != top.rank) continue;
    symbols[left] = top.merged;
    symbols[right] = -1;
    next[left] = next[right];
    if (next[right] != kNone) previous[next[right]] = left;
    if (previous[left] != kNone) consider(previous[left]);
    consider(left);
  }
  std::erase(symbols, -1);
}

}  // namespace hadal::inference
