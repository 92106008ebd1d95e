#include "ops/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "ops/eval/text_match.h"

namespace hadal::eval {
namespace {

/// What must be found: the supports, or one passage of each document where none are named.
std::vector<Support> Wanted(const LabelledSet& set, const Question& question) {
  std::vector<Support> wanted = question.support;
  if (wanted.empty()) {
    for (const std::string& document : question.documents) wanted.push_back({document, "", {}});
  }
  for (Support& support : wanted) support.document = set.IdOf(support.document);
  return wanted;
}

/// Rank (from 0) of the first passage that holds each support.
std::vector<std::optional<size_t>> Ranks(const LabelledSet& set, const std::vector<Support>& wanted,
                                         const std::vector<Passage>& retrieved) {
  std::vector<std::optional<size_t>> ranks(wanted.size());
  for (size_t rank = 0; rank < retrieved.size(); ++rank) {
    const std::string& document = set.IdOf(retrieved[rank].document);
    std::optional<std::string> letters;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (ranks[i] || wanted[i].document != document) continue;
      if (!letters) letters = LettersOf(retrieved[rank].text);
      if (Covers(*letters, wanted[i])) ranks[i] = rank;
    }
  }
  return ranks;
}

Totals ScoreRetrieval(const std::vector<std::optional<size_t>>& ranks, const std::vector<int>& ks) {
  Totals totals;
  totals.recall.assign(ks.size(), 0.0);
  const double count = static_cast<double>(ranks.size());
  double gain = 0;
  double ideal = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (i < static_cast<size_t>(ks.back())) ideal += 1 / std::log2(static_cast<double>(i) + 2);
    if (!ranks[i]) continue;
    const double place = static_cast<double>(*ranks[i]) + 1;
    totals.reciprocal_rank = std::max(totals.reciprocal_rank, 1 / place);
    if (*ranks[i] < static_cast<size_t>(ks.back())) gain += 1 / std::log2(place + 1);
    for (size_t k = 0; k < ks.size(); ++k) {
      if (*ranks[i] < static_cast<size_t>(ks[k])) totals.recall[k] += 1 / count;
    }
  }
  // Two supports in one chunk share a place: no list is better than the ideal one.
  totals.ndcg = ideal > 0 ? std::min(gain / ideal, 1.0) : 0;
  return totals;
}

void FindLeaks(const LabelledSet& set, const Question& question, const Reply& reply,
               Report& report) {
  const auto leak = [&](const char* what, const std::string& document) {
    report.leaks.push_back({question.id, what, document});
  };
  const auto access = set.access.find(question.principal);
  const auto check = [&](const char* what, const std::string& name) {
    const std::string& id = set.IdOf(name);
    if (access != set.access.end() && !access->second.contains(id)) leak(what, id);
  };
  for (const Passage& passage : reply.retrieved) check("retrieved", passage.document);
  for (const std::string& document : reply.cited) check("cited", document);
  const std::string of = question.documents.empty() ? "" : set.IdOf(question.documents.front());
  if (HoldsKeywords(reply.answer, question.forbidden_keywords)) leak("answer", of);
  if (!question.forbidden()) return;
  for (const Passage& passage : reply.retrieved) {
    const std::string letters = LettersOf(passage.text);
    for (const Support& support : question.support) {
      if (Covers(letters, support)) leak("support", set.IdOf(support.document));
    }
  }
}

}  // namespace

void Totals::Add(const Totals& other) {
  questions += other.questions;
  recall.resize(std::max(recall.size(), other.recall.size()), 0.0);
  for (size_t k = 0; k < other.recall.size(); ++k) recall[k] += other.recall[k];
  reciprocal_rank += other.reciprocal_rank;
  ndcg += other.ndcg;
  asked += other.asked;
  judged += other.judged;
  right += other.right;
  refused += other.refused;
}

Totals Report::Answerable() const {
  Totals all;
  for (const auto& [kind, totals] : kinds) {
    if (Question{.kind = kind}.answerable()) all.Add(totals);
  }
  return all;
}

void Score(const LabelledSet& set, const Question& question, const Reply& reply, Report& report) {
  CHECK(!report.ks.empty());
  FindLeaks(set, question, reply, report);
  Totals totals;
  if (question.answerable()) {
    const std::vector<Support> wanted = Wanted(set, question);
    totals = ScoreRetrieval(Ranks(set, wanted, reply.retrieved), report.ks);
  }
  totals.questions = 1;
  if (reply.asked) {
    const bool judged = !question.answerable() || !question.answer_keywords.empty();
    const bool right = question.answerable()
                           ? !reply.refused && HoldsKeywords(reply.answer, question.answer_keywords)
                           : reply.refused;
    totals.asked = 1;
    totals.judged = judged ? 1 : 0;
    totals.right = judged && right ? 1 : 0;
    totals.refused = reply.refused ? 1 : 0;
  }
  report.kinds[question.kind].Add(totals);
}

}  // namespace hadal::eval
