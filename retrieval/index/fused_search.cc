#include "retrieval/index/fused_search.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>
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
  ExactSearch(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts)
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
    const LanguageScaling scaling(dense_.cosines(), dense_.groups());
    const std::vector<LexicalHit> hits = lexical_search_.Best(std::max(2 * k, kLexicalHits));
    for (const LexicalHit& hit : hits) lexical_[hit.position] = hit.score;
    const bool all_known = hits.size() < std::max(2 * k, kLexicalHits);
    lexical_of_others_ = all_known ? 0 : hits.back().score;
    ranking_.emplace(scaling, lexical_search_, hits, BestScaled(scaling));
  }

  IndexResult Run() {
    const std::vector<size_t> positions = Contenders();
    dense_.Refine(positions);
    std::vector<Contender> contenders;
    for (const size_t i : positions) {
      contenders.push_back({i, dense_.cosines()[i], dense_.groups()[i]});
    }
    IndexResult result;
    result.best = Rank(contenders, k_, parts_, lexical_search_, *ranking_);
    result.chunks_allowed = static_cast<int64_t>(dense_.size());
    result.chunks_pending = dense_.without_vector();
    result.examined = result.chunks_allowed - result.chunks_pending;
    return result;
  }

 private:
  using ByGroup = std::array<double, LanguageScaling::kNoVector + 1>;

  /// The largest scaled cosine of each group by float32: of the few whose bounds overlap the
  /// largest's. 0 where all are below their mean.
  ByGroup BestScaled(const LanguageScaling& scaling) {
    const auto scaled = [&](size_t i, float bound) {
      return scaling(double{dense_.cosines()[i]} + bound, dense_.groups()[i]);
    };
    ByGroup best{};
    for (size_t i = 0; i < dense_.size(); ++i) {
      double& surely = best[dense_.groups()[i]];
      surely = std::max(surely, scaled(i, -dense_.bounds()[i]));
    }
    std::vector<size_t> close;
    for (size_t i = 0; i < dense_.size(); ++i) {
      if (scaled(i, dense_.bounds()[i]) >= best[dense_.groups()[i]]) close.push_back(i);
    }
    dense_.Refine(close);
    for (const size_t i : close) {
      double& of_group = best[dense_.groups()[i]];
      of_group = std::max(of_group, scaled(i, 0));
    }
    return best;
  }

  double Score(size_t i, float bound, float lexical) const {
    const uint16_t group = dense_.groups()[i];
    const double scaled = ranking_->scaling(double{dense_.cosines()[i]} + bound, group);
    return ranking_->fusion.Score(scaled, lexical, group);
  }

  /// Marks those of `positions` that `count` others of them do not surely surpass.
  void MarkContenders(absl::Span<const size_t> positions, size_t count,
                      std::vector<bool>* marked) const {
    std::vector<double> sure;  // the best of what scores are at least; its smallest first
    for (const size_t i : positions) {
      if (count == 0) break;
      const double least = Score(i, -dense_.bounds()[i], lexical_[i]);
      if (sure.size() == count && least <= sure.front()) continue;
      if (sure.size() == count) {
        std::pop_heap(sure.begin(), sure.end(), std::greater<>());
        sure.pop_back();
      }
      sure.push_back(least);
      std::push_heap(sure.begin(), sure.end(), std::greater<>());
    }
    if (sure.empty()) return;
    const double needed =
        sure.size() < count ? -std::numeric_limits<double>::infinity() : sure.front() - kRounding;
    for (const size_t i : positions) {
      const float lexical = lexical_[i] > 0 ? lexical_[i] : lexical_of_others_;
      if (Score(i, dense_.bounds()[i], lexical) >= needed) (*marked)[i] = true;
    }
  }

  /// Positions, ascending: the k best are among them, and those of each language that
  /// BestOfLanguages() may put between them.
  std::vector<size_t> Contenders() const {
    std::vector<size_t> all(dense_.size());
    std::iota(all.begin(), all.end(), size_t{0});
    std::vector<bool> marked(all.size());
    MarkContenders(all, k_, &marked);
    if (ranking_->spread) {
      std::map<uint8_t, std::vector<size_t>> by_language;
      for (const SearchPart& part : parts_) {
        for (size_t i = part.first; i < part.end(); ++i) {
          by_language[part.segment->languages()[part.slot(i)]].push_back(i);
        }
      }
      for (const auto& [language, positions] : by_language) {
        MarkContenders(positions, k_ / kLanguageStep, &marked);
      }
    }
    std::erase_if(all, [&marked](size_t i) { return !marked[i]; });
    return all;
  }

  const size_t k_;
  const absl::Span<const SearchPart> parts_;
  const LexicalSearch lexical_search_;
  DenseScan dense_;
  std::vector<float> lexical_;  // by position: of the best ones; 0 of the others
  float lexical_of_others_ = 0;
  std::optional<Ranking> ranking_;
};

}  // namespace

IndexResult SearchExactly(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts) {
  return ExactSearch(query, k, parts).Run();
}

}  // namespace hadal::retrieval
