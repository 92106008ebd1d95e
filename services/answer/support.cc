#include "services/answer/support.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/status.h"

namespace hadal::answer {
namespace {

/// What a source sentence and its neighbours hold.
struct Surroundings {
  std::vector<Term> terms;
  std::set<std::string> numbers;
};

Surroundings Around(const Source& source, int32_t s) {
  Surroundings around;
  const auto last = static_cast<int32_t>(source.sentences.size()) - 1;
  for (int32_t i = std::max(s - 1, 0); i <= std::min(s + 1, last); ++i) {
    const Sentence& sentence = source.sentences[i];
    if (sentence.prompt_text.empty()) continue;  // what the model may not see supports nothing
    around.terms.insert(around.terms.end(), sentence.terms.begin(), sentence.terms.end());
    around.numbers.insert(sentence.numbers.begin(), sentence.numbers.end());
  }
  around.terms.insert(around.terms.end(), source.context_terms.begin(),
                      source.context_terms.end());
  around.terms = Distinct(std::move(around.terms));
  return around;
}

/// An answer sentence as it is compared.
struct Claim {
  Span span;
  std::vector<Term> terms;      // distinct content terms
  std::vector<Term> news;       // those the question does not hold
  std::vector<std::string> numbers;  // those the question does not hold
};

Claim MakeClaim(const Question& question, std::u32string_view answer, Span span) {
  Claim claim{span};
  const std::u32string folded = Fold(answer.substr(span.begin, span.size()));
  claim.terms = Distinct(ContentTerms(folded));
  for (const Term& term : claim.terms) {
    if (!Contains(question.terms, term)) claim.news.push_back(term);
  }
  const std::vector<std::string> asked = Numbers(question.folded, false);
  for (std::string& number : Numbers(folded, true)) {
    if (std::find(asked.begin(), asked.end(), number) == asked.end()) {
      claim.numbers.push_back(std::move(number));
    }
  }
  return claim;
}

double ShareIn(const std::vector<Term>& terms, const std::vector<Term>& sorted) {
  if (terms.empty()) return 1;
  const auto held = std::count_if(terms.begin(), terms.end(),
                                  [&](const Term& term) { return Contains(sorted, term); });
  return static_cast<double>(held) / static_cast<double>(terms.size());
}

/// A scaled number ("20000" beside "2") may stand in one of its two forms.
bool NumbersStand(const std::vector<std::string>& numbers, const std::set<std::string>& in) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (in.contains(numbers[i])) continue;
    const bool scaled_stands = i + 1 < numbers.size() && in.contains(numbers[i + 1]) &&
                               numbers[i + 1].starts_with(numbers[i].substr(0, 1));
    const bool plain_stands = i > 0 && in.contains(numbers[i - 1]) &&
                              numbers[i].size() > numbers[i - 1].size();
    if (scaled_stands || plain_stands) continue;
    return false;
  }
  return true;
}

const SentenceScore* FindScore(const Evidence& evidence, int32_t source, int32_t sentence) {
  for (const SentenceScore& score : evidence.ranking) {
    if (score.source == source && score.sentence == sentence) return &score;
  }
  return nullptr;
}

/// Whether the sentence speaks of the question about as much as the best one does.
bool Relevant(const SentenceScore& score, const std::vector<Source>& sources,
              const Evidence& evidence, const SupportOptions& options) {
  const SentenceScore& best = evidence.ranking.front();
  const int32_t header = sources[score.source].sentences[score.sentence].header;
  const bool same_table = header != kNoHeader && best.source == score.source &&
                          sources[best.source].sentences[best.sentence].header == header;
  const double least = same_table ? options.min_row_relevance : options.min_relevance;
  return score.focus + score.total >= least * (best.focus + best.total);
}

struct Support {
  int32_t source = -1;
  int32_t sentence = -1;
  double strength = -1;
  bool numbers_stand = false;
  double terms = 0;
  const SentenceScore* score = nullptr;
};

Support BestSupport(const Claim& claim, const Question& question,
                    const std::vector<Source>& sources, const std::vector<int32_t>& shown,
                    const Evidence& evidence) {
  Support best;
  for (const int32_t d : shown) {
    for (int32_t s = 0; s < static_cast<int32_t>(sources[d].sentences.size()); ++s) {
      const SentenceScore* score = FindScore(evidence, d, s);
      if (score == nullptr) continue;
      const Sentence& sentence = sources[d].sentences[s];
      const Surroundings around = Around(sources[d], s);
      Support support{d, s};
      support.numbers_stand = NumbersStand(claim.numbers, around.numbers);
      const std::set<std::string> own(sentence.numbers.begin(), sentence.numbers.end());
      const bool own_stand = NumbersStand(claim.numbers, own);
      std::vector<Term> known = around.terms;
      known.insert(known.end(), question.terms.begin(), question.terms.end());
      support.terms = ShareIn(claim.terms, Distinct(std::move(known)));
      support.score = score;
      support.strength = (own_stand ? 2.0 : support.numbers_stand ? 1.0 : 0.0) +
                         2 * ShareIn(claim.news, sentence.terms) +
                         ShareIn(claim.terms, sentence.terms) + score->total;
      if (support.strength > best.strength) best = support;
    }
  }
  return best;
}

bool HoldsForeignIdentifier(const Claim& claim, const Source& source) {
  for (const Term& term : claim.news) {
    const bool letters = std::any_of(term.text.begin(), term.text.end(), [](char32_t c) {
      return c >= U'a' && c <= U'z';
    });
    if (!term.identifier || !letters) continue;
    // "30min" and "40gbit" are a number and its unit: the number was checked already.
    if (term.text[0] >= U'0' && term.text[0] <= U'9') continue;
    const bool stands = std::any_of(source.sentences.begin(), source.sentences.end(),
                                    [&](const Sentence& s) { return Contains(s.terms, term); });
    if (!stands && !Contains(source.context_terms, term)) return true;
  }
  return false;
}

constexpr std::array kYesNo = {U"可以", U"不可以", U"不能", U"不会", U"不得", U"会", U"能", U"yes", U"no"};

bool IsYesOrNo(std::u32string_view folded) {
  return std::any_of(kYesNo.begin(), kYesNo.end(),
                     [&](std::u32string_view word) { return folded.starts_with(word); });
}

}  // namespace

bool AsksForNumber(const Question& question) {
  constexpr std::array kAsking = {U"多少", U"多久", U"多长", U"多大", U"多高", U"几个", U"几天", U"几点",
                                  U"几年", U"几次", U"几份", U"几级", U"几分", U"几小时", U"how many",
                                  U"how much", U"how long", U"how large", U"how fast",
                                  U"how often"};
  return std::any_of(kAsking.begin(), kAsking.end(), [&](std::u32string_view phrase) {
    return question.folded.find(phrase) != std::u32string::npos;
  });
}

bool HoldsAnswerKind(const Question& question, const Sentence& sentence) {
  if (!AsksForNumber(question)) return true;
  const std::vector<std::string> asked = Numbers(question.folded, false);
  return std::any_of(sentence.numbers.begin(), sentence.numbers.end(), [&](const auto& number) {
    return std::find(asked.begin(), asked.end(), number) == asked.end();
  });
}

bool IsRefusal(std::u32string_view answer) {
  constexpr std::array kPhrases = {U"没有找到", U"未找到", U"没有提到", U"未提及", U"没有提供", U"无法回答",
                                   U"没有相关", U"无法确定", U"not found", U"not mention",
                                   U"do not contain", U"does not contain", U"not provide",
                                   U"no information", U"cannot answer"};
  const std::u32string folded = Fold(answer);
  return std::any_of(kPhrases.begin(), kPhrases.end(), [&](std::u32string_view phrase) {
    return folded.find(phrase) != std::u32string::npos;
  });
}

SupportCheck CheckTranslatedSupport(const Question& question, const std::u32string& answer,
                                    const std::vector<Source>& sources,
                                    const std::vector<int32_t>& shown, const Evidence& evidence,
                                    const SupportOptions& options) {
  SupportCheck check;
  for (const Span span : SplitSentences(answer)) {
    const Claim claim = MakeClaim(question, answer, span);
    if (claim.numbers.empty()) {
      check.problem = "a translated sentence holds no number to compare";
      check.attributions.clear();
      return check;
    }
    for (const SentenceScore& score : evidence.ranking) {
      const bool was_shown = std::find(shown.begin(), shown.end(), score.source) != shown.end();
      if (!was_shown || !Relevant(score, sources, evidence, options)) continue;
      const Sentence& sentence = sources[score.source].sentences[score.sentence];
      const std::set<std::string> numbers(sentence.numbers.begin(), sentence.numbers.end());
      if (!NumbersStand(claim.numbers, numbers) ||
          HoldsForeignIdentifier(claim, sources[score.source])) {
        continue;
      }
      check.attributions.push_back({span, score.source, score.sentence});
      break;
    }
    if (check.attributions.empty() || check.attributions.back().answer.begin != span.begin) {
      check.problem = "a number stands in no sentence about the question";
      check.attributions.clear();
      return check;
    }
  }
  check.supported = !check.attributions.empty();
  if (!check.supported) check.problem = "the answer is empty";
  return check;
}

SupportCheck CheckSupport(const Question& question, const std::u32string& answer,
                          const std::vector<Source>& sources, const std::vector<int32_t>& shown,
                          const Evidence& evidence, const SupportOptions& options) {
  SupportCheck check;
  bool news = false;
  bool numbers = false;
  for (const Span span : SplitSentences(answer)) {
    const Claim claim = MakeClaim(question, answer, span);
    if (claim.terms.empty() && claim.numbers.empty()) continue;
    const Support support = BestSupport(claim, question, sources, shown, evidence);
    const auto problem = [&](std::string text) {
      check.problem = std::move(text);
      check.attributions.clear();
      return check;
    };
    if (support.source < 0) return problem("no source was shown");
    if (!support.numbers_stand) {
      return problem("a number does not stand in the sentence that supports the rest");
    }
    if (HoldsForeignIdentifier(claim, sources[support.source])) {
      return problem("an identifier does not stand in the source");
    }
    if (support.terms < options.min_terms) {
      return problem(fmt::format("only {:.2f} of the words stand in a source", support.terms));
    }
    if (!Relevant(*support.score, sources, evidence, options)) {
      return problem("the supporting sentence is not about the question");
    }
    news = news || !claim.news.empty() || !claim.numbers.empty();
    numbers = numbers || !claim.numbers.empty();
    check.attributions.push_back({span, support.source, support.sentence});
  }
  if (check.attributions.empty()) {
    check.problem = "the answer is empty";
  } else if (!news && !IsYesOrNo(Fold(answer))) {
    check.problem = "the answer only repeats the question";
  } else if (AsksForNumber(question) && !numbers) {
    check.problem = "a quantity was asked for and none is given";
  } else {
    check.supported = true;
  }
  return check;
}

}  // namespace hadal::answer
