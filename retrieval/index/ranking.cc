#include "retrieval/index/ranking.h"

#include <algorithm>
#include <utility>

namespace hadal::retrieval {

Ranking::Ranking(LanguageScaling language_scaling, const LexicalSearch& lexical,
                 absl::Span<const LexicalHit> hits,
                 const std::array<double, LanguageScaling::kNoVector + 1>& best_dense)
    : scaling(std::move(language_scaling)) {
  double coverage = 0;
  if (!hits.empty()) {
    const size_t best = hits.front().position;
    coverage = lexical.Score(absl::MakeConstSpan(&best, 1)).front().coverage;
    fusion.best_lexical = hits.front().score;
  }
  fusion.dense_weight = DenseWeight(coverage);
  fusion.best_dense = best_dense;
  spread = coverage < kWeakCoverage;
}

std::vector<Candidate> Rank(absl::Span<const Contender> contenders, size_t k,
                            absl::Span<const SearchPart> parts, const LexicalSearch& lexical,
                            const Ranking& ranking) {
  std::vector<size_t> positions;
  for (const Contender& contender : contenders) positions.push_back(contender.position);
  const std::vector<LexicalScore> scores = lexical.Score(positions);
  std::vector<std::pair<Candidate, uint8_t>> found;  // with the language
  size_t part = 0;
  for (size_t i = 0; i < contenders.size(); ++i) {
    const auto& [position, cosine, group] = contenders[i];
    while (position >= parts[part].end()) ++part;
    const Segment& segment = *parts[part].segment;
    const uint32_t slot = parts[part].slot(position);
    const double fused =
        ranking.fusion.Score(ranking.scaling(cosine, group), scores[i].score, group);
    found.push_back({{segment.numbers()[slot], fused, cosine, scores[i].score, scores[i].coverage},
                     segment.languages()[slot]});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first.number < b.first.number; });
  std::vector<double> fused;
  std::vector<uint8_t> languages;
  for (const auto& [candidate, language] : found) {
    fused.push_back(candidate.score);
    languages.push_back(language);
  }
  std::vector<Candidate> best;
  for (const uint32_t i :
       ranking.spread ? BestOfLanguages(fused, languages, k) : BestIndexes(fused, k)) {
    best.push_back(found[i].first);
  }
  return best;
}

}  // namespace hadal::retrieval
