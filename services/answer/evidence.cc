#include "services/answer/evidence.h"

#include <algorithm>
#include <cmath>

namespace hadal::answer {
namespace {

/// A word carries about as much as two Chinese characters pairs do, a number or an identifier more.
constexpr double kPairWeight = 1.0;
constexpr double kWordWeight = 2.0;
constexpr double kIdentifierWeight = 2.5;
constexpr double kCharacterWeight = 0.5;
constexpr double kJointWeight = 0.3;
/// Among fewer sentences than this the share that holds a term says little about its rarity.
constexpr double kMinSentences = 40;
/// What a term counts for that stands not in the sentence but beside it, or elsewhere in the chunk.
constexpr double kNeighbourShare = 0.5;
constexpr double kChunkShare = 0.25;
/// In `total`, for a term of the title: the row that repeats it is better than its neighbours.
constexpr double kTitleShare = 0.8;

/// "90" asks for what "90日内" or "1,090.5" does not hold by itself: identifiers match as whole terms
/// or as one of the sentence's numbers.
bool Holds(const Sentence& sentence, const Term& term) {
  if (Contains(sentence, term)) return true;
  if (!term.identifier) return false;
  const std::vector<std::string> wanted = Numbers(term.text, false);
  const bool bare = std::all_of(term.text.begin(), term.text.end(), [](char32_t c) {
    return (c >= U'0' && c <= U'9') || c == U'.' || c == U',' || c == U'-' || c == U':';
  });
  return bare && !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), [&](const auto& n) {
           return std::find(sentence.numbers.begin(), sentence.numbers.end(), n) !=
                  sentence.numbers.end();
         });
}

bool InContext(const Source& source, const Term& term) {
  return IsCjk(term.text[0]) ? source.context.find(term.text) != std::u32string::npos
                             : Contains(source.context_terms, term);
}

struct WeighedTerm {
  Term term;
  double weight = 0;
  bool in_context = false;               // of any source
  std::vector<std::vector<bool>> found;  // [source][sentence]
};

double BaseWeight(const Term& term) {
  if (term.identifier) return kIdentifierWeight;
  if (!IsCjk(term.text[0])) return kWordWeight;
  if (term.joint) return kJointWeight;
  return term.text.size() == 1 ? kCharacterWeight : kPairWeight;
}

WeighedTerm Weigh(const Term& term, const std::vector<Source>& sources) {
  WeighedTerm weighed{term};
  double sentences = 0;
  double holding = 0;
  for (const Source& source : sources) {
    std::vector<bool> found;
    for (const Sentence& sentence : source.sentences) {
      found.push_back(!sentence.prompt_text.empty() && Holds(sentence, term));
      sentences += 1;
      holding += found.back();
    }
    weighed.found.push_back(std::move(found));
    weighed.in_context = weighed.in_context || InContext(source, term);
  }
  sentences = std::max(sentences, kMinSentences);
  const double rarity = std::log(1 + sentences / (1 + holding)) / std::log(1 + sentences);
  weighed.weight = BaseWeight(term) * rarity;
  return weighed;
}

/// Part of a term's weight that sentence `s` of source `d` earns.
double Share(const WeighedTerm& term, const Source& source, size_t d, size_t s) {
  const std::vector<bool>& found = term.found[d];
  if (found[s]) return 1;
  if ((s > 0 && found[s - 1]) || (s + 1 < found.size() && found[s + 1])) return kNeighbourShare;
  if (std::find(found.begin(), found.end(), true) != found.end()) return kChunkShare;
  return InContext(source, term.term) ? kChunkShare : 0;
}

SentenceScore ScoreSentence(const std::vector<WeighedTerm>& terms, const Source& source, size_t d,
                            size_t s) {
  double focus = 0, focus_all = 0, total = 0, total_all = 0;
  for (const WeighedTerm& term : terms) {
    const bool in_title = InContext(source, term.term);
    const double share = Share(term, source, d, s);
    total_all += term.weight;
    total += term.weight * (in_title ? std::max(share, kTitleShare) : share);
    if (in_title) continue;
    focus_all += term.weight;
    focus += term.weight * share;
  }
  SentenceScore score{static_cast<int32_t>(d), static_cast<int32_t>(s)};
  score.total = total_all > 0 ? total / total_all : 0;
  score.focus = focus_all > 0 ? focus / focus_all : score.total;
  return score;
}

}  // namespace

Question ParseQuestion(std::string_view text) {
  Question question;
  const std::u32string code_points = ToCodePoints(text);
  question.folded = Fold(code_points);
  question.chinese = IsChinese(code_points);
  question.terms = Distinct(ContentTerms(question.folded));
  for (const Term& term : question.terms) {
    if (term.identifier) question.identifiers.push_back(term);
  }
  return question;
}

std::vector<std::string> SplitQuestion(const std::string& text, int32_t max_parts) {
  const std::u32string code_points = ToCodePoints(text);
  std::vector<std::string> parts;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    std::string part = ToUtf8(std::u32string_view(code_points).substr(begin, end - begin));
    if (!ParseQuestion(part).terms.empty()) parts.push_back(std::move(part));
    begin = end;
  };
  for (size_t i = 0; i < code_points.size(); ++i) {
    const bool ends = code_points[i] == U'？' || code_points[i] == U'?';
    if (ends && static_cast<int32_t>(parts.size()) + 1 < max_parts) add(i + 1);
  }
  add(code_points.size());
  if (parts.empty()) parts.push_back(text);
  return parts;
}

Evidence WeighEvidence(const Question& question, const std::vector<Source>& sources,
                       const EvidenceOptions& options) {
  Evidence evidence;
  std::vector<WeighedTerm> terms;
  for (const Term& term : question.terms) terms.push_back(Weigh(term, sources));
  for (const WeighedTerm& term : terms) {
    const bool found = std::any_of(term.found.begin(), term.found.end(), [](const auto& sentences) {
      return std::find(sentences.begin(), sentences.end(), true) != sentences.end();
    });
    if (term.term.identifier && !found && !term.in_context) evidence.missing.push_back(term.term);
  }
  for (size_t d = 0; d < sources.size(); ++d) {
    for (size_t s = 0; s < sources[d].sentences.size(); ++s) {
      const Sentence& sentence = sources[d].sentences[s];
      if (sentence.chinese != question.chinese) continue;
      if (sentence.prompt_text.empty() || sentence.is_header) continue;
      evidence.ranking.push_back(ScoreSentence(terms, sources[d], d, s));
    }
  }
  std::stable_sort(evidence.ranking.begin(), evidence.ranking.end(),
                   [](const SentenceScore& a, const SentenceScore& b) {
                     return a.focus + a.total > b.focus + b.total;
                   });
  if (evidence.ranking.empty() || !evidence.missing.empty()) return evidence;
  const SentenceScore& best = evidence.ranking.front();
  if (best.focus >= options.min_focus && best.total >= options.min_total) {
    evidence.verdict = Verdict::kPresent;
  }
  return evidence;
}

}  // namespace hadal::answer
