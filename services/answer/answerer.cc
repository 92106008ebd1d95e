#include "services/answer/answerer.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "services/answer/citations.h"
#include "services/answer/evidence.h"
#include "services/answer/prompt.h"
#include "services/answer/refusal.h"
#include "services/answer/source.h"
#include "services/answer/support.h"

namespace hadal::answer {
namespace {

/// Quoting a sentence instead of an answer that failed its check needs better evidence than asking
/// the model does.
constexpr double kMinQuoteFocus = 0.5;

void AddRetrieved(const internal::v1::SearchResponse& hits, v1::AskResult& result) {
  for (const internal::v1::Hit& hit : hits.hits()) {
    const v1::SearchHit& chunk = hit.chunk();
    v1::RetrievedChunk& retrieved = *result.add_retrieved();
    retrieved.set_document_id(chunk.document_id());
    retrieved.set_chunk_id(chunk.chunk_id());
    retrieved.set_title(chunk.title());
    retrieved.set_text(chunk.text());
    retrieved.set_page(chunk.page());
    retrieved.set_score(chunk.score());
  }
}

void Refuse(const Question& question, const char* reason, v1::AskResult& result) {
  result.set_answer(RefusalMessage(question));
  result.set_refused(true);
  result.set_refusal_reason(reason);
}

/// The model's text without what it adds around an answer: white space, its own source marks, a
/// leading "答：" or "Answer:".
std::u32string CleanAnswer(const std::string& content) {
  std::u32string text = ToCodePoints(content);
  for (size_t open = text.find(U'['); open != text.npos; open = text.find(U'[', open)) {
    size_t close = open + 1;
    while (close < text.size() && ((text[close] >= U'0' && text[close] <= U'9') ||
                                   text[close] == U',' || text[close] == U' ')) {
      ++close;
    }
    if (close > open + 1 && close < text.size() && text[close] == U']') {
      text.erase(open, close + 1 - open);
    } else {
      ++open;
    }
  }
  for (const std::u32string_view lead : {U"答：", U"答案：", U"回答：", U"Answer:", U"A:"}) {
    if (text.starts_with(lead)) text.erase(0, lead.size());
  }
  const auto blank = [](char32_t c) { return c == U' ' || c == U'\n' || c == U'\r' || c == U'\t'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(0, std::find_if_not(text.begin(), text.end(), blank) - text.begin());
  return text;
}

/// Questions asked in one ("A? B?"): each costs a generation.
constexpr int32_t kMaxParts = 3;
constexpr int32_t kMaxTranslationTokens = 96;
constexpr size_t kMinTranslatedTerms = 3;
/// A translation brings common words of its own, so more of it must be found.
constexpr EvidenceOptions kTranslatedEvidence = {0.55, 0.55};

/// One question of the request with the evidence for it.
struct Part {
  std::string text;
  Question question;
  Question weighed;  ///< what the evidence is for: the question, or its translation
  Evidence evidence;
  bool translated = false;  ///< the evidence was found with the translated question
};

/// What was found, twice: whether there is evidence is decided by the chunks alone, which is what
/// the thresholds were measured on; the model reads them in their surroundings.
struct Sources {
  std::vector<Source> found;
  std::vector<Source> complete;
};

/// The outcome of one part.
struct PartAnswer {
  std::string text;               ///< empty: refused
  const char* refusal = nullptr;  ///< a refusal_reason where it was
};

class CheckedAnswerer : public Answerer {
 public:
  explicit CheckedAnswerer(const AnswererOptions& options) : options_(options) {}

  StatusOr<v1::AskResult> Answer(const v1::AskRequest& request,
                                 const internal::v1::SearchResponse& hits,
                                 TextGenerator& generator) const override {
    v1::AskResult result;
    result.set_model(request.model());
    result.set_finish_reason("stop");
    AddRetrieved(hits, result);
    const Sources sources = {PrepareSources(hits), PrepareSources(hits, Extent::kNeighbours)};
    std::vector<v1::Citation> citations;
    std::vector<PartAnswer> answers;
    for (const std::string& text : SplitQuestion(request.question(), kMaxParts)) {
      ASSIGN_OR_RETURN(PartAnswer answer,
                       AnswerPart(request, text, sources, generator, citations, result));
      answers.push_back(std::move(answer));
    }
    Join(ParseQuestion(request.question()), answers, result);
    result.mutable_citations()->Assign(citations.begin(), citations.end());
    return result;
  }

 private:
  StatusOr<PartAnswer> AnswerPart(const v1::AskRequest& request, const std::string& text,
                                  const Sources& found, TextGenerator& generator,
                                  std::vector<v1::Citation>& citations,
                                  v1::AskResult& result) const {
    ASSIGN_OR_RETURN(Part part, FindEvidence(request, text, found.found, generator, result));
    if (part.evidence.verdict == Verdict::kNone) return PartAnswer{"", kNoEvidence};
    const std::vector<Source>& sources = found.complete;
    part.evidence = WeighEvidence(part.weighed, sources, {});
    ASSIGN_OR_RETURN(const Prompt prompt,
                     BuildPrompt(part.text, part.question, sources, part.evidence,
                                 {request.model(), options_.max_context_tokens}, generator));
    const int32_t max_tokens =
        request.max_tokens() > 0 ? request.max_tokens() : options_.max_answer_tokens;
    ASSIGN_OR_RETURN(const TextGenerator::Generation generation,
                     Generate(request, prompt.messages, max_tokens, generator, result));
    const std::u32string answer = CleanAnswer(generation.content);
    const auto check_support = part.translated ? CheckTranslatedSupport : CheckSupport;
    const SupportCheck check =
        check_support(part.question, answer, sources, prompt.shown, part.evidence, {});
    const bool gave_up = IsRefusal(answer);
    if (check.supported && !gave_up) {
      result.mutable_reasoning()->append(generation.reasoning);
      result.set_finish_reason(generation.result.finish_reason());
      return PartAnswer{Cite(answer, check.attributions, sources, citations)};
    }
    LogInfo("answer withheld: {}", gave_up ? "the model found nothing" : check.problem);
    const SentenceScore* quotable = QuotableSentence(part, sources, prompt);
    if (quotable == nullptr) return PartAnswer{"", gave_up ? kNoEvidence : kUnsupported};
    return PartAnswer{Quote(part, *quotable, sources, citations)};
  }

  /// Evidence in the question's own language, else, where the search found sources in the other
  /// one, evidence for the translated question among them.
  StatusOr<Part> FindEvidence(const v1::AskRequest& request, const std::string& text,
                              const std::vector<Source>& sources, TextGenerator& generator,
                              v1::AskResult& result) const {
    Part part{text, ParseQuestion(text)};
    part.weighed = part.question;
    part.evidence = WeighEvidence(part.question, sources, {});
    const bool foreign = std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
      return source.chinese != part.question.chinese;
    });
    // A name or number that no source holds is missing in every language.
    const bool hopeless = !foreign || !part.evidence.missing.empty();
    if (part.evidence.verdict == Verdict::kPresent || hopeless) return part;
    ASSIGN_OR_RETURN(const TextGenerator::Generation translation,
                     Generate(request, TranslationMessages(text, part.question.chinese),
                              kMaxTranslationTokens, generator, result));
    Question translated = ParseQuestion(translation.content);
    const bool usable = translated.chinese != part.question.chinese &&
                        translated.terms.size() >= kMinTranslatedTerms;
    if (!usable) return part;
    // What the translation lost of the numbers and names must be found all the same.
    translated.terms.insert(translated.terms.end(), part.question.identifiers.begin(),
                            part.question.identifiers.end());
    translated.terms = Distinct(std::move(translated.terms));
    part.evidence = WeighEvidence(translated, sources, kTranslatedEvidence);
    part.weighed = std::move(translated);
    part.translated = true;
    return part;
  }

  static StatusOr<TextGenerator::Generation> Generate(
      const v1::AskRequest& request, const std::vector<internal::v1::ChatMessage>& messages,
      int32_t max_tokens, TextGenerator& generator, v1::AskResult& result) {
    internal::v1::GenerateRequest generate;
    generate.set_model(request.model());
    generate.mutable_messages()->Assign(messages.begin(), messages.end());
    internal::v1::SamplingParams& sampling = *generate.mutable_sampling();
    sampling.set_temperature(request.temperature());
    sampling.set_seed(request.seed());
    sampling.set_max_tokens(max_tokens);
    auto generation = generator.Generate(generate);
    if (!generation.ok()) return generation.status();
    v1::Usage& usage = *result.mutable_usage();
    const internal::v1::GenerateResult& used = generation->result;
    usage.set_prompt_tokens(usage.prompt_tokens() + used.prompt_tokens());
    usage.set_cached_tokens(usage.cached_tokens() + used.cached_tokens());
    usage.set_completion_tokens(usage.completion_tokens() + used.completion_tokens());
    return generation;
  }

  /// The best-ranked sentence shown, where it is good enough to stand for an answer.
  static const SentenceScore* QuotableSentence(const Part& part, const std::vector<Source>& sources,
                                               const Prompt& prompt) {
    for (const SentenceScore& score : part.evidence.ranking) {
      if (score.focus < kMinQuoteFocus) return nullptr;
      const auto& shown = prompt.shown;
      if (std::find(shown.begin(), shown.end(), score.source) == shown.end()) continue;
      const Sentence& sentence = sources[score.source].sentences[score.sentence];
      if (HoldsAnswerKind(part.question, sentence)) return &score;
    }
    return nullptr;
  }

  static std::string Quote(const Part& part, const SentenceScore& score,
                           const std::vector<Source>& sources,
                           std::vector<v1::Citation>& citations) {
    const Source& source = sources[score.source];
    const std::u32string& text = source.sentences[score.sentence].prompt_text;
    const std::vector<Attribution> whole = {
        {{0, static_cast<int32_t>(text.size())}, score.source, score.sentence}};
    const std::string quote = Cite(text, whole, sources, citations);
    const std::string& title = source.hit->chunk().title();
    return part.question.chinese ? fmt::format("《{}》：{}", title, quote)
                                 : fmt::format("From “{}”: {}", title, quote);
  }

  /// The answered parts together; a refusal where there are none.
  static void Join(const Question& question, const std::vector<PartAnswer>& answers,
                   v1::AskResult& result) {
    std::string text;
    bool incomplete = false;
    const char* refusal = kNoEvidence;
    for (const PartAnswer& answer : answers) {
      if (answer.text.empty()) {
        incomplete = true;
        refusal = answer.refusal;
        continue;
      }
      if (!text.empty()) text += "\n";
      text += answer.text;
    }
    if (text.empty()) {
      Refuse(question, refusal, result);
      return;
    }
    if (incomplete) text += "\n" + PartialRefusalMessage(question);
    result.set_answer(std::move(text));
  }

  const AnswererOptions options_;
};

}  // namespace

std::unique_ptr<Answerer> Answerer::Create(const AnswererOptions& options) {
  return std::make_unique<CheckedAnswerer>(options);
}

}  // namespace hadal::answer
