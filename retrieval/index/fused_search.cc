#include "retrieval/index/fused_search.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "retrieval/index/dense_scan.h"
#include "retrieval/index/lexical_search.h"
#include "retrieval/index/ranking.h"

namespace hadal::retrieval {
namespace {

// So few are refined at once: codes would save less than a millisecond.
constexpr size_t kRefineAll = 4096;
// Lexical scores known beforehand, at least; all others are at most the last of these.
constexpr size_t kLexicalHits = 200;
// Bounds are computed in another order than scores.
constexpr double kRounding = 1e-6;

class ExactSearch {
 public:
  ExactSearch(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts,
              const FusionOptions& options)
      : k_(k),
        parts_(parts),
        lexical_search_(query.terms, parts),
        dense_(query.vector, parts),
        lexical_(dense_.size(), 0.0f) {
    if (dense_.size() <= kRefineAll) {
      std::vector<size_t> all(dense_.size());
      std::iota(all.begin(), all.end(), size_t{0});
      dense_.Refine(all);
    }
    scaling_.emplace(dense_.cosines(), dense_.groups());
    const std::vector<LexicalHit> hits = lexical_search_.Best(std::max(2 * k, kLexicalHits));
    for (const LexicalHit& hit : hits) lexical_[hit.position] = hit.score;
    const bool all_known = hits.size() < std::max(2 * k, kLexicalHits);
    lexical_of_others_ = all_known ? 0 : hits.back().score;
    fusion_.emplace(options, BestScaled(), hits.empty() ? 0 : hits.front().score);
  }

  IndexResult Run() {
    const std::vector<size_t> positions = Contenders();
    dense_.Refine(positions);
    std::vector<Contender> contenders;
    for (const size_t i : positions) {
      contenders.push_back({i, dense_.cosines()[i], dense_.groups()[i]});
    }
    IndexResult result;
    result.best = Rank(contenders, k_, parts_, lexical_search_, *scaling_, *fusion_);
    result.chunks_allowed = static_cast<int64_t>(dense_.size());
    result.chunks_pending = dense_.without_vector();
    result.examined = result.chunks_allowed - result.chunks_pending;
    return result;
  }

 private:
  /// The largest scaled cosine by float32: of the few whose bounds overlap the largest's.
  double BestScaled() {
    if (dense_.size() == 0) return 0;
    const auto scaled = [this](size_t i, float bound) {
      return (*scaling_)(double{dense_.cosines()[i]} + bound, dense_.groups()[i]);
    };
    double surely = scaled(0, -dense_.bounds()[0]);
    for (size_t i = 1; i < dense_.size(); ++i) {
      surely = std::max(surely, scaled(i, -dense_.bounds()[i]));
    }
    std::vector<size_t> close;
    for (size_t i = 0; i < dense_.size(); ++i) {
      if (scaled(i, dense_.bounds()[i]) >= surely) close.push_back(i);
    }
    dense_.Refine(close);
    double best = surely;
    for (const size_t i : close) best = std::max(best, scaled(i, 0));
    return best;
  }

  double Score(size_t i, float bound, float lexical) const {
    const uint16_t group = dense_.groups()[i];
    return fusion_->Score((*scaling_)(double{dense_.cosines()[i]} + bound, group), lexical,
                          group != LanguageScaling::kNoVector);
  }

  /// Positions, ascending, without those that k others surely surpass.
  std::vector<size_t> Contenders() const {
    std::vector<double> sure;  // the k best of what scores are at least; its smallest first
    for (size_t i = 0; k_ > 0 && i < dense_.size(); ++i) {
      const double least = Score(i, -dense_.bounds()[i], lexical_[i]);
      if (sure.size() == k_ && least <= sure.front()) continue;
      if (sure.size() == k_) {
        std::pop_heap(sure.begin(), sure.end(), std::greater<>());
        sure.pop_back();
      }
      sure.push_back(least);
      std::push_heap(sure.begin(), sure.end(), std::greater<>());
    }
    std::vector<size_t> contenders;
    if (sure.empty()) return contenders;
    const double needed = sure.front() - kRounding;
    for (size_t i = 0; i < dense_.size(); ++i) {
      const float lexical = lexical_[i] > 0 ? lexical_[i] : lexical_of_others_;
      if (Score(i, dense_.bounds()[i], lexical) >= needed) contenders.push_back(i);
    }
    return contenders;
  }

  const size_t k_;
  const absl::Span<const SearchPart> parts_;
  const LexicalSearch lexical_search_;
  DenseScan dense_;
  std::optional<LanguageScaling> scaling_;
  std::vector<float> lexical_;  // by position: of the best ones; 0 of the others
  float lexical_of_others_ = 0;
  std::optional<Fusion> fusion_;
};

}  // namespace

IndexResult SearchExactly(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts,
                          const FusionOptions& options) {
  return ExactSearch(query, k, parts, options).Run();
}

}  // namespace hadal::retrieval
