#include "retrieval/index/lexical_search.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

namespace hadal::retrieval {
namespace {

// So many sums are looked through in the time that one posting takes.
constexpr size_t kSumsAPosting = 16;

constexpr size_t kStride = 32;

// Without a branch: the compiler makes vectors of it.
bool AnyLarger(const float* sums, float least) {
  int32_t any = 0;
  for (size_t i = 0; i < kStride; ++i) any |= sums[i] > least ? -1 : 0;
  return any != 0;
}

CollectionStatistics Sum(absl::Span<const SearchPart> parts) {
  CollectionStatistics all;
  for (const SearchPart& part : parts) {
    all.chunks += part.allowed->statistics().chunks;
    all.terms += part.allowed->statistics().terms;
  }
  return all;
}

double AverageLength(const CollectionStatistics& all) {
  return all.chunks > 0 ? static_cast<double>(all.terms) / static_cast<double>(all.chunks) : 0.0;
}

double MostOf(const PostingList& list, const Saturation& saturation) {
  uint32_t max_count = 0;
  uint32_t min_length = std::numeric_limits<uint32_t>::max();
  for (const PostingBlock& block : list.blocks()) {
    max_count = std::max(max_count, block.max_count);
    min_length = std::min(min_length, block.min_length);
  }
  return max_count > 0 ? saturation(max_count, min_length) : 0.0;
}

}  // namespace

LexicalSearch::LexicalSearch(absl::Span<const TermId> terms, absl::Span<const SearchPart> parts)
    : parts_(parts), saturation_(AverageLength(Sum(parts))) {
  const uint64_t chunks = Sum(parts).chunks;
  for (const TermId id : terms) {
    Term term;
    uint64_t with = 0;
    for (const SearchPart& part : parts_) {
      term.lists.push_back(part.segment->Postings(id));
      term.postings += term.lists.back().size();
      with += part.allowed->CountWith(id, term.lists.back());
      term.most = std::max(term.most, MostOf(term.lists.back(), saturation_));
    }
    term.idf = InverseDocumentFrequency(chunks, with);
    term.most *= term.idf;
    all_idf_ += term.idf;
    if (with > 0) terms_.push_back(std::move(term));
  }
}

// Calls visit(index of the position, count, length) for each of `positions`, all of this part and
// ascending, that has the term. Blocks between them are passed over unread.
template <typename Visit>
void LexicalSearch::VisitPostings(const SearchPart& part, const PostingList& list,
                                  absl::Span<const size_t> positions, const Visit& visit) const {
  const absl::Span<const uint32_t> lengths = part.segment->lengths();
  DecodedBlock block;
  size_t b = 0;
  for (size_t next = 0; next < positions.size(); ++b) {
    b = list.FindBlock(b, part.slot(positions[next]));
    if (b == list.blocks().size()) return;
    list.DecodeSlots(b, block);
    const uint32_t* at = block.slots.data();
    const uint32_t* const end = at + block.size;
    const uint32_t last = list.blocks()[b].last_slot;
    for (; next < positions.size() && part.slot(positions[next]) <= last; ++next) {
      const uint32_t slot = part.slot(positions[next]);
      while (at != end && *at < slot) ++at;
      if (at == end || *at != slot) continue;
      visit(next, list.CountAt(b, static_cast<uint32_t>(at - block.slots.data())), lengths[slot]);
    }
  }
}

std::vector<LexicalScore> LexicalSearch::Score(absl::Span<const size_t> positions) const {
  std::vector<LexicalScore> scores(positions.size());
  size_t first = 0;
  for (size_t p = 0; p < parts_.size(); ++p) {
    const SearchPart& part = parts_[p];
    const auto begin = positions.begin() + static_cast<std::ptrdiff_t>(first);
    const size_t count =
        static_cast<size_t>(std::lower_bound(begin, positions.end(), part.end()) - begin);
    for (const Term& term : terms_) {
      VisitPostings(part, term.lists[p], positions.subspan(first, count),
                    [&](size_t i, uint32_t occurrences, uint32_t length) {
                      LexicalScore& own = scores[first + i];
                      own.score += static_cast<float>(term.idf * saturation_(occurrences, length));
                      own.coverage += static_cast<float>(term.idf);
                    });
    }
    first += count;
  }
  for (LexicalScore& own : scores) {
    own.coverage =
        all_idf_ > 0 ? std::min(1.0f, static_cast<float>(own.coverage / all_idf_)) : 0.0f;
  }
  return scores;
}

/// Term by term, the one that can add most first. While a chunk without any term so far could still
/// be among the best k, a term's postings are all read; after that only those of the chunks that
/// still could, which become fewer with every term (Turtle and Flood's MaxScore, 1995, with block
/// maxima over the candidates).
class LexicalSearch::Accumulator {
 public:
  Accumulator(const LexicalSearch& search, size_t k)
      : search_(search),
        k_(k),
        sums_(search.parts_.empty() ? 0 : search.parts_.back().end()),
        // Sums in another order differ by their rounding.
        slack_(1.0 - 2 * std::numeric_limits<float>::epsilon() *
                         static_cast<double>(search.terms_.size() + 4)) {}

  /// A superset of the best k with a score, ascending.
  std::vector<size_t> Run() {
    std::vector<const Term*> order;
    for (const Term& term : search_.terms_) order.push_back(&term);
    std::stable_sort(order.begin(), order.end(),
                     [](const Term* a, const Term* b) { return a->most > b->most; });
    std::vector<double> rest(order.size() + 1);  // what the terms from here on can add
    for (size_t t = order.size(); t-- > 0;) rest[t] = rest[t + 1] + order[t]->most;
    size_t t = 0;
    for (; t < order.size(); ++t) {
      // To know the threshold costs as much as to read a short list.
      if (rest[t] < largest_ && order[t]->postings * kSumsAPosting >= sums_.size() &&
          rest[t] < ThresholdOf(sums_)) {
        break;
      }
      ReadAll(*order[t]);
    }
    FindCandidates(rest[t]);
    for (; t < order.size(); ++t) {
      ReadCandidates(*order[t], rest[t + 1]);
      Prune(rest[t + 1]);
    }
    return std::move(candidates_);
  }

 private:
  void ReadAll(const Term& term) {
    DecodedBlock block;
    for (size_t p = 0; p < search_.parts_.size(); ++p) {
      const SearchPart& part = search_.parts_[p];
      const PostingList& list = term.lists[p];
      const uint32_t* lengths = part.segment->lengths().data();
      const std::vector<uint32_t>& slots = part.allowed->slots();
      const auto add = [&](uint32_t position, uint32_t i) {
        float& sum = sums_[part.first + position];
        sum += static_cast<float>(term.idf *
                                  search_.saturation_(block.counts[i], lengths[block.slots[i]]));
        largest_ = std::max(largest_, sum);
      };
      if (part.allowed->all()) {
        for (size_t b = 0; b < list.blocks().size(); ++b) {
          list.Decode(b, block);
          for (uint32_t i = 0; i < block.size; ++i) add(block.slots[i], i);
        }
        continue;
      }
      auto next = slots.begin();
      for (size_t b = 0; next != slots.end(); ++b) {
        b = list.FindBlock(b, *next);
        if (b == list.blocks().size()) break;
        list.Decode(b, block);
        for (uint32_t i = 0; i < block.size; ++i) {
          const uint32_t slot = block.slots[i];
          if (part.allowed->contains(slot)) add(part.allowed->position(slot), i);
        }
        next = std::upper_bound(next, slots.end(), list.blocks()[b].last_slot);
      }
    }
  }

  /// Whoever has a term so far and could be among the best with `rest` more.
  void FindCandidates(double rest) {
    const float least = static_cast<float>((ThresholdOf(sums_) - rest) * slack_);
    ForLarger(sums_, std::max(least, 0.0f),
              [&](size_t position, float&) { candidates_.push_back(position); });
  }

  void ReadCandidates(const Term& term, double rest_after) {
    const double threshold = Threshold();
    size_t first = 0;
    for (size_t p = 0; p < search_.parts_.size(); ++p) {
      const SearchPart& part = search_.parts_[p];
      const PostingList& list = term.lists[p];
      std::vector<size_t> worth;  // of this part, those that the term may keep in
      size_t b = 0;
      for (; first < candidates_.size() && candidates_[first] < part.end(); ++first) {
        const size_t position = candidates_[first];
        b = list.FindBlock(b, part.slot(position));
        if (b == list.blocks().size()) continue;
        const PostingBlock& block = list.blocks()[b];
        const double most = term.idf * search_.saturation_(block.max_count, block.min_length);
        if (sums_[position] + most + rest_after >= threshold) worth.push_back(position);
      }
      search_.VisitPostings(part, list, worth, [&](size_t i, uint32_t count, uint32_t length) {
        sums_[worth[i]] += static_cast<float>(term.idf * search_.saturation_(count, length));
      });
    }
  }

  /// Forgets the candidates that `rest` more cannot bring among the best.
  void Prune(double rest) {
    const double threshold = Threshold();
    std::erase_if(candidates_, [&](size_t position) { return sums_[position] + rest < threshold; });
  }

  /// The k-th best sum of the candidates, a little less.
  double Threshold() const {
    std::vector<float> sums;
    sums.reserve(candidates_.size());
    for (const size_t position : candidates_) sums.push_back(sums_[position]);
    return ThresholdOf(sums);
  }

  /// The k-th largest, a little less; 0 when there are fewer.
  double ThresholdOf(absl::Span<const float> sums) const {
    if (sums.size() < k_ || k_ == 0) return 0;
    std::vector<float> best(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(k_));
    std::make_heap(best.begin(), best.end(), std::greater<>());  // the smallest first
    ForLarger(sums.subspan(k_), best.front(), [&](size_t i, float& least) {
      std::pop_heap(best.begin(), best.end(), std::greater<>());
      best.back() = sums[k_ + i];
      std::push_heap(best.begin(), best.end(), std::greater<>());
      least = best.front();
    });
    return best.front() * slack_;
  }

  /// Calls visit(index, least) for every sum above `least`, which visit may raise.
  template <typename Visit>
  static void ForLarger(absl::Span<const float> sums, float least, const Visit& visit) {
    for (size_t begin = 0; begin < sums.size(); begin += kStride) {
      const size_t end = std::min(begin + kStride, sums.size());
      if (end == begin + kStride && !AnyLarger(sums.data() + begin, least)) continue;
      for (size_t i = begin; i < end; ++i) {
        if (sums[i] > least) visit(i, least);
      }
    }
  }

  const LexicalSearch& search_;
  const size_t k_;
  std::vector<float> sums_;  // by position
  std::vector<size_t> candidates_;
  float largest_ = 0;
  const double slack_;
};

std::vector<LexicalHit> LexicalSearch::Best(size_t k) const {
  const std::vector<size_t> positions = Accumulator(*this, k).Run();
  const std::vector<LexicalScore> scores = Score(positions);
  std::vector<LexicalHit> hits;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (scores[i].score > 0) hits.push_back({positions[i], scores[i].score});
  }
  const auto better = [](const LexicalHit& a, const LexicalHit& b) {
    return a.score != b.score ? a.score > b.score : a.position < b.position;
  };
  const size_t kept = std::min(k, hits.size());
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(kept), hits.end(),
                    better);
  hits.resize(kept);
  return hits;
}

}  // namespace hadal::retrieval
