#include "services/answer/follow_up.h"

#include <re2/re2.h>

#include <algorithm>
#include <vector>

#include "services/answer/conversation.h"
#include "services/answer/evidence.h"
#include "services/answer/instructions.h"
#include "services/answer/text.h"

namespace hadal::answer {
namespace {

constexpr int32_t kMaxConversationTokens = 600;
constexpr int32_t kMaxQuestionTokens = 96;
/// What is longer leans on nothing, and nothing is completed to be longer.
constexpr size_t kMaxQuestionCharacters = 300;
/// Of the completed question's words, those that stand in the conversation.
constexpr double kMinKnownTerms = 0.8;

/// Words that hold a pronoun's character and are none.
constexpr char kNoPronounZh[] = R"(应该|其他|其它|其余|尤其|极其|因此|彼此|此外|如此)";
/// A question that begins in the middle of a conversation.
constexpr char kOpensZh[] = R"(^(?:那|还有|另外|然后|接着|再问))";
constexpr char kPronounZh[] =
    R"(它|他|她|该|其|此|这个|这些|这种|这项|那个|那些|上述|上面|前者|后者|刚才)";
/// "利率呢？": asks with nothing but the particle.
constexpr char kParticleZh[] = R"(呢[？?]?$)";
constexpr char kAsksZh[] = R"(多少|多久|多长|多大|多高|什么|哪|几|谁|如何|怎|是否|能否|可否|吗)";
constexpr char kLeansEn[] =
    R"((?i)^(?:and|but|then|so|also|what about|how about)\b|\b(?:its|their|them|they|former|latter|that one)\b)"
    R"(|\bit\b[^,]{0,16}\?$)";

/// "A的B是多少？": what is asked about, which of its properties, how.
constexpr char kPropertyZh[] =
    R"(^(.{2,40}?)的([^的，,]{1,12}?)((?:是|为|有|要|需|该|应|不|最|多|几|怎|如何|什么).*)$)";
/// "(那)C呢？" and "它的C是多少？".
constexpr char kOtherZh[] = R"(^(?:那么|那|还有|另外)?[，,]?([^，,它其该这那]{1,16}?)呢[？?]?$)";
constexpr char kOfItZh[] =
    R"(^(?:那么|那|还有|另外)?[，,]?(?:它们|它|其)的?([^他它余中次实的].*)$)";
constexpr char kOfItEn[] = R"((?i)^(.*?)\bits\b(.*)$)";
constexpr char kItEn[] = R"((?i)^(.*)\bit\b([^,]{0,16}\?)$)";
constexpr char kSubjectEn[] = R"((?i)\bof (?:the )?([\w][\w \-]{1,60}?)\?$)";

bool Matches(const std::string& text, const char* pattern) {
  return RE2::PartialMatch(text, RE2(pattern));
}

/// The last character: "利率" and "费率" are of a kind.
bool SameKind(const std::string& a, const std::string& b) {
  const std::u32string first = ToCodePoints(a);
  const std::u32string second = ToCodePoints(b);
  return !first.empty() && !second.empty() && first.back() == second.back();
}

/// Whether a model's rewriting keeps to what was said.
bool KeepsToConversation(const std::string& rewritten, const std::string& question,
                         const std::vector<v1::Turn>& turns) {
  const Question whole = ParseQuestion(rewritten);
  const Question asked = ParseQuestion(question);
  if (whole.folded.size() > kMaxQuestionCharacters || whole.chinese != asked.chinese) return false;
  std::string said = question;
  for (const v1::Turn& turn : turns) said += "\n" + turn.question() + "\n" + turn.answer();
  const std::u32string known = Fold(ToCodePoints(said));
  const auto is_known = [&](const Term& term) {
    return term.joint || known.find(term.text) != std::u32string::npos;
  };
  const auto count = std::count_if(whole.terms.begin(), whole.terms.end(), is_known);
  const bool keeps = std::all_of(asked.terms.begin(), asked.terms.end(), [&](const Term& term) {
    return term.joint || whole.folded.find(term.text) != std::u32string::npos;
  });
  return keeps && whole.terms.size() > asked.terms.size() &&
         static_cast<double>(count) >= kMinKnownTerms * static_cast<double>(whole.terms.size()) &&
         std::all_of(whole.identifiers.begin(), whole.identifiers.end(), is_known);
}

std::string RewritingPrompt(const std::string& question, const std::vector<v1::Turn>& turns,
                            bool chinese) {
  std::string prompt =
      chinese ? "把最后的问题改写成不看对话也能看懂的完整问题。只写改写后的问题，不要回答。\n\n"
                "对话：\n问：年假有几天？\n答：五天。\n最后的问题：那病假呢？\n完整的问题：病假有几"
                "天？\n\n对话：\n"
              : "Rewrite the last question so that it can be understood without the conversation. "
                "Write only the question, do not answer it.\n\nConversation:\nQ: How many days of "
                "annual leave are there?\nA: Five.\nLast question: And sick leave?\nWhole "
                "question: How many days of sick leave are there?\n\nConversation:\n";
  for (const v1::Turn& turn : turns) {
    prompt += fmt::format(fmt::runtime(chinese ? "问：{}\n答：{}\n" : "Q: {}\nA: {}\n"),
                          turn.question(), turn.answer());
  }
  const std::string asked = ToUtf8(WithoutMarkers(ToCodePoints(question)));
  return prompt + fmt::format(fmt::runtime(chinese ? "最后的问题：{}\n完整的问题："
                                                   : "Last question: {}\nWhole question:"),
                              asked);
}

/// As one question: what asks twice would be answered twice.
std::string Joined(std::string previous, const std::string& question, bool chinese) {
  if (ToCodePoints(previous).size() > kMaxQuestionCharacters) return question;
  for (const std::string_view mark : {"？", "?", "。", "."}) {
    if (previous.ends_with(mark)) previous.resize(previous.size() - mark.size());
  }
  return previous + (chinese ? "，" : ", ") + question;
}

std::string FirstLine(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \n\r\t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_first_of("\n\r", begin) - begin);
}

}  // namespace

bool LeansOnEarlierTurns(const std::string& question) {
  if (ToCodePoints(question).size() > kMaxQuestionCharacters) return false;
  if (ParseQuestion(question).terms.empty()) return true;
  if (!IsChinese(ToCodePoints(question))) return Matches(question, kLeansEn);
  if (Matches(question, kOpensZh)) return true;
  if (Matches(question, kParticleZh) && !Matches(question, kAsksZh)) return true;
  // Behind a comma a pronoun mostly stands for something in front of it.
  std::string clause = question.substr(0, std::min(question.find("，"), question.find(',')));
  RE2::GlobalReplace(&clause, kNoPronounZh, "");
  return Matches(clause, kPronounZh);
}

std::optional<std::string> CompletedByRule(const std::string& question,
                                           const std::string& previous) {
  std::string subject, property, asks, other, rest;
  if (!IsChinese(ToCodePoints(question))) {
    if (!RE2::PartialMatch(previous, kSubjectEn, &subject)) return std::nullopt;
    if (RE2::FullMatch(question, kOfItEn, &other, &rest)) {
      return other + "the " + subject + "'s" + rest;
    }
    if (RE2::FullMatch(question, kItEn, &other, &rest)) return other + "the " + subject + rest;
    return std::nullopt;
  }
  if (!RE2::FullMatch(previous, kPropertyZh, &subject, &property, &asks)) return std::nullopt;
  if (RE2::FullMatch(question, kOfItZh, &rest)) {
    if (RE2::FullMatch(rest, R"((.{1,16}?)呢[？?]?)", &other)) return subject + "的" + other + asks;
    return subject + "的" + rest;
  }
  if (!RE2::FullMatch(question, kOtherZh, &other)) return std::nullopt;
  const bool of_property = SameKind(other, property);
  if (of_property == SameKind(other, subject)) return std::nullopt;
  return of_property ? subject + "的" + other + asks : other + "的" + property + asks;
}

StatusOr<StandAloneQuestion> StandAlone(const v1::AskRequest& request, TextGenerator& generator) {
  StandAloneQuestion alone{request.question()};
  if (request.history().empty() || !LeansOnEarlierTurns(request.question())) return alone;
  ASSIGN_OR_RETURN(const std::vector<v1::Turn> turns,
                   RecentTurns(request, kMaxConversationTokens, generator));
  const std::string& previous = turns.back().question();
  if (const auto completed = CompletedByRule(request.question(), previous)) {
    alone.question = *completed;
    alone.how = "rule";
    return alone;
  }
  const bool chinese = IsChinese(ToCodePoints(request.question()));
  internal::v1::GenerateRequest generate;
  generate.set_model(request.model());
  internal::v1::ChatMessage& message = *generate.add_messages();
  message.set_role("user");
  message.set_content(RewritingPrompt(request.question(), turns, chinese));
  generate.mutable_sampling()->set_max_tokens(kMaxQuestionTokens);
  ASSIGN_OR_RETURN(const TextGenerator::Generation generation, generator.Generate(generate));
  alone.usage.set_prompt_tokens(generation.result.prompt_tokens());
  alone.usage.set_cached_tokens(generation.result.cached_tokens());
  alone.usage.set_completion_tokens(generation.result.completion_tokens());
  const std::string rewritten = FirstLine(generation.content);
  const bool keeps = KeepsToConversation(rewritten, request.question(), turns);
  alone.question = keeps ? rewritten : Joined(previous, request.question(), chinese);
  alone.how = keeps ? "model" : "joined";
  return alone;
}

}  // namespace hadal::answer
