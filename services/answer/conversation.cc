#include "services/answer/conversation.h"

#include <algorithm>
#include <utility>

#include "services/answer/instructions.h"
#include "services/answer/text.h"

namespace hadal::answer {
namespace {

/// What goes beyond cannot be within any sensible bound in tokens, and is not worth counting.
constexpr int kMaxTurns = 16;
constexpr size_t kMaxCharacters = 2000;

/// What the client says that was said: data, like a source.
std::string Bounded(const std::string& text) {
  std::u32string bounded = ToCodePoints(text);
  if (bounded.size() > kMaxCharacters) bounded.resize(kMaxCharacters);
  return ToUtf8(WithoutMarkers(bounded));
}

/// The sentences of an answer, from its first, that `max_tokens` hold.
StatusOr<std::string> Beginning(const std::string& answer, const std::string& model,
                                int32_t max_tokens, TextGenerator& generator) {
  const std::u32string text = ToCodePoints(answer);
  const std::vector<Span> spans = SplitSentences(text);
  std::vector<std::string> sentences;
  for (const Span span : spans) {
    sentences.push_back(ToUtf8(std::u32string_view(text).substr(span.begin, span.size())));
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> counts, generator.CountTokens(model, sentences));
  int32_t end = 0;
  for (size_t i = 0; i < spans.size() && counts[i] <= max_tokens; ++i) {
    max_tokens -= counts[i];
    end = spans[i].end;
  }
  return ToUtf8(std::u32string_view(text).substr(0, static_cast<size_t>(end)));
}

}  // namespace

StatusOr<std::vector<v1::Turn>> RecentTurns(const v1::AskRequest& request, int32_t max_tokens,
                                            TextGenerator& generator) {
  std::vector<v1::Turn> turns;
  std::vector<std::string> texts;
  for (int i = std::max(0, request.history_size() - kMaxTurns); i < request.history_size(); ++i) {
    v1::Turn& turn = turns.emplace_back();
    turn.set_question(Bounded(request.history(i).question()));
    turn.set_answer(Bounded(request.history(i).answer()));
    texts.push_back(turn.question());
    texts.push_back(turn.answer());
  }
  if (turns.empty()) return turns;
  ASSIGN_OR_RETURN(const std::vector<int32_t> counts,
                   generator.CountTokens(request.model(), texts));
  int32_t left = max_tokens;
  auto first = static_cast<int32_t>(turns.size());
  while (first > 0 && counts[2 * first - 2] + counts[2 * first - 1] <= left) {
    --first;
    left -= counts[2 * first] + counts[2 * first + 1];
  }
  if (first == static_cast<int32_t>(turns.size())) {
    v1::Turn& last = turns.back();
    const int32_t for_answer = std::max(0, max_tokens - counts[counts.size() - 2]);
    ASSIGN_OR_RETURN(std::string answer,
                     Beginning(last.answer(), request.model(), for_answer, generator));
    last.set_answer(std::move(answer));
    --first;
  }
  turns.erase(turns.begin(), turns.begin() + first);
  return turns;
}

}  // namespace hadal::answer
