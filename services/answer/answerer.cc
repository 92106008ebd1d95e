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
    const Question question = ParseQuestion(request.question());
    const std::vector<Source> sources = PrepareSources(hits);
    const Evidence evidence = WeighEvidence(question, sources, {});
    if (evidence.verdict == Verdict::kNone) {
      Refuse(question, kNoEvidence, result);
      return result;
    }
    ASSIGN_OR_RETURN(const Prompt prompt,
                     BuildPrompt(request.question(), question, sources, evidence,
                                 {request.model(), options_.max_context_tokens}, generator));
    ASSIGN_OR_RETURN(TextGenerator::Generation generation,
                     generator.Generate(MakeRequest(request, prompt)));
    result.mutable_usage()->set_prompt_tokens(generation.result.prompt_tokens());
    result.mutable_usage()->set_cached_tokens(generation.result.cached_tokens());
    result.mutable_usage()->set_completion_tokens(generation.result.completion_tokens());
    Conclude(question, sources, evidence, prompt, std::move(generation), result);
    return result;
  }

 private:
  internal::v1::GenerateRequest MakeRequest(const v1::AskRequest& request,
                                            const Prompt& prompt) const {
    internal::v1::GenerateRequest generate;
    generate.set_model(request.model());
    for (const internal::v1::ChatMessage& message : prompt.messages) {
      *generate.add_messages() = message;
    }
    internal::v1::SamplingParams& sampling = *generate.mutable_sampling();
    sampling.set_temperature(request.temperature());
    sampling.set_seed(request.seed());
    sampling.set_max_tokens(request.max_tokens() > 0 ? request.max_tokens()
                                                     : options_.max_answer_tokens);
    return generate;
  }

  /// The checked answer, else the best sentence quoted, else a refusal.
  void Conclude(const Question& question, const std::vector<Source>& sources,
                const Evidence& evidence, const Prompt& prompt,
                TextGenerator::Generation generation, v1::AskResult& result) const {
    const std::u32string answer = CleanAnswer(generation.content);
    const bool gave_up = IsRefusal(answer);
    const SupportCheck check =
        CheckSupport(question, answer, sources, prompt.shown, evidence, {});
    if (check.supported && !gave_up) {
      CitedAnswer cited = Cite(answer, check.attributions, sources);
      result.set_answer(std::move(cited.text));
      result.mutable_citations()->Assign(cited.citations.begin(), cited.citations.end());
      result.set_reasoning(std::move(generation.reasoning));
      result.set_finish_reason(generation.result.finish_reason());
      return;
    }
    LogInfo("answer withheld: {}", gave_up ? "the model found nothing" : check.problem);
    const SentenceScore* quoted = QuotableSentence(question, sources, evidence, prompt);
    if (quoted == nullptr) {
      Refuse(question, gave_up ? kNoEvidence : kUnsupported, result);
      return;
    }
    const Source& source = sources[quoted->source];
    const std::string quote = ToUtf8(source.sentences[quoted->sentence].prompt_text);
    const std::string& title = source.hit->chunk().title();
    result.set_answer(question.chinese ? fmt::format("《{}》原文：{}[1]", title, quote)
                                       : fmt::format("From “{}”: {} [1]", title, quote));
    *result.add_citations() = MakeCitation(source, quoted->sentence, 1);
  }

  /// The best-ranked sentence shown, where it is good enough to stand for an answer.
  static const SentenceScore* QuotableSentence(const Question& question,
                                               const std::vector<Source>& sources,
                                               const Evidence& evidence, const Prompt& prompt) {
    for (const SentenceScore& score : evidence.ranking) {
      if (score.focus < kMinQuoteFocus) return nullptr;
      const auto& shown = prompt.shown;
      if (std::find(shown.begin(), shown.end(), score.source) == shown.end()) continue;
      if (HoldsAnswerKind(question, sources[score.source].sentences[score.sentence])) return &score;
    }
    return nullptr;
  }

  const AnswererOptions options_;
};

}  // namespace

std::unique_ptr<Answerer> Answerer::Create(const AnswererOptions& options) {
  return std::make_unique<CheckedAnswerer>(options);
}

}  // namespace hadal::answer
