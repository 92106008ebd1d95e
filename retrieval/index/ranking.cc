#include "retrieval/index/ranking.h"

#include <algorithm>

namespace hadal::retrieval {

std::vector<Candidate> Rank(absl::Span<const Contender> contenders, size_t k,
                            absl::Span<const SearchPart> parts, const LexicalSearch& lexical,
                            const LanguageScaling& scaling, const Fusion& fusion) {
  std::vector<size_t> positions;
  for (const Contender& contender : contenders) positions.push_back(contender.position);
  const std::vector<LexicalScore> scores = lexical.Score(positions);
  std::vector<Candidate> best;
  size_t part = 0;
  for (size_t i = 0; i < contenders.size(); ++i) {
    const auto& [position, cosine, group] = contenders[i];
    while (position >= parts[part].end()) ++part;
    const double fused =
        fusion.Score(scaling(cosine, group), scores[i].score, group != LanguageScaling::kNoVector);
    best.push_back({parts[part].segment->numbers()[parts[part].slot(position)], fused, cosine,
                    scores[i].score, scores[i].coverage});
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.number < b.number;
  };
  const size_t kept = std::min(k, best.size());
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(),
                    better);
  best.resize(kept);
  return best;
}

}  // namespace hadal::retrieval
