#include "bench/refusal_table.h"

#include <algorithm>
#include <cstdio>

#include "services/answer/evidence.h"
#include "services/answer/source.h"
#include "services/retrieval/messages.h"

namespace hadal {

void RefusalTable::Add(const std::string& question, const std::vector<retrieval::SearchHit>& hits,
                       bool answerable) {
  internal::v1::SearchResponse response;
  for (const retrieval::SearchHit& hit : hits) {
    *response.add_hits() = retrieval_service::HitToProto(hit);
  }
  const std::vector<answer::Source> sources = answer::PrepareSources(response);
  const answer::Evidence evidence =
      answer::WeighEvidence(answer::ParseQuestion(question), sources, {});
  Best best;
  best.identifiers_missing = !evidence.missing.empty();
  if (!evidence.ranking.empty()) {
    best.focus = evidence.ranking.front().focus;
    best.total = evidence.ranking.front().total;
  }
  (answerable ? answerable_ : absent_).push_back(best);
}

void RefusalTable::Print() const {
  std::printf("threshold  answerable refused (%zu)  absent refused (%zu)\n", answerable_.size(),
              absent_.size());
  for (int percent = 20; percent <= 80; percent += 5) {
    const double threshold = percent / 100.0;
    const auto refused = [threshold](const std::vector<Best>& group) {
      const auto count = std::count_if(group.begin(), group.end(), [threshold](const Best& best) {
        return best.identifiers_missing || best.focus < threshold || best.total < threshold;
      });
      return static_cast<double>(count) /
             static_cast<double>(std::max<size_t>(group.size(), size_t{1}));
    };
    std::printf("%.2f       %.3f                     %.3f\n", threshold, refused(answerable_),
                refused(absent_));
  }
}

}  // namespace hadal
