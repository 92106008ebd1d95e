#include "services/answer/instructions.h"

#include <re2/re2.h>

#include <memory>
#include <string>

#include "services/answer/text.h"

namespace hadal::answer {
namespace {

/// Markers of ChatML, Llama, Mistral, SmolLM and DeepSeek templates, with the role behind them, and
/// the tags of prompt.cc.
constexpr char kMarkers[] =
    R"((?i)<\s*[|｜][^<>|｜\n]{0,40}[|｜]\s*>[ \t]*(?:(?:system|user|assistant)\b)?)"
    R"(|</?\s*(?:think|source|sources|question|s|tool_call|tool_response)\b[^<>\n]{0,80}>)"
    R"(|\[/?\s*(?:INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS)\s*\]|<<\s*/?\s*SYS\s*>>)"
    R"(|###\s*(?:instruction|system|assistant|response)\s*:)";

/// Orders to a model. Each alternative names both the act and its object: a manual that says
/// "ignore the alarm" is no instruction to us.
constexpr char kOrders[] =
    R"((?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+|the\s+|your\s+|of\s+){0,3})"
    R"((?:previous|prior|above|earlier|preceding|foregoing|existing)?\s*(?:instruction|rule|prompt|guideline|polic))"
    R"(|system\s*(?:override\b|(?:prompt|message|instruction)\s*:)|(?:you are|act|you're)\s+(?:now\s+)?(?:in|as)\s+\w+\s*mode|you are now\b)"
    R"(|(?:reveal|print|output|disclose|repeat)\s+(?:the\s+)?(?:full|entire|complete|whole|system|contents?|text|all)\b)"
    R"(|(?:answer|respond to|reply to)\s+(?:every|each|all|any)\s+questions?)"
    R"(|(?:end|start|begin|finish|append)\s+(?:each|every|all|your|the)\s+(?:answer|response|repl|message))"
    R"(|do not (?:tell|inform|mention)[^.]{0,20}(?:the )?user)"
    R"(|(?:as|you are) an? (?:ai|language model|assistant))"
    R"(|(?:忽略|无视|忘记|忘掉|抛开|绕过)[^。；]{0,8}(?:之前|以上|此前|先前|上面|前面|上述|所有|全部|一切)[^。；]{0,6}(?:规则|指令|指示|要求|提示|设定|限制))"
    R"(|(?:系统|隐藏|最高)(?:指令|提示词)|(?:你|您)现在(?:处于|是|进入|扮演)|(?:管理员|开发者|审计|调试|越狱)模式)"
    R"(|(?:把|将)[^。；]{0,30}(?:全文|全部内容|所有内容|全部资料)[^。；]{0,6}(?:输出|公开|打印|列出|返回))"
    R"(|(?:我将|我会)(?:公开|输出|提供)(?:全部|所有))"
    R"(|(?:答案|回答|回复)(?:的)?(?:结尾|末尾|开头|最后)[^。；]{0,6}(?:写|加|附|输出)|一律(?:回答|回复|答复)[^。；]{0,20}(?:口令|密码|序位))"
    R"(|不要(?:告诉|告知|提醒)[^。；]{0,4}用户|(?:助手|模型|ai)请注意)";

const RE2& Markers() {
  static const RE2* const expression = new RE2(kMarkers);
  return *expression;
}
const RE2& Orders() {
  static const RE2* const expression = new RE2(kOrders);
  return *expression;
}

}  // namespace

std::u32string WithoutMarkers(std::u32string_view text) {
  std::string utf8 = ToUtf8(text);
  // Removing one marker may put the halves of another together.
  while (RE2::GlobalReplace(&utf8, Markers(), " ") > 0) {
  }
  return ToCodePoints(utf8);
}

bool IsInstruction(std::u32string_view folded) {
  const std::string utf8 = ToUtf8(folded);
  if (RE2::PartialMatch(utf8, Orders())) return true;
  // A line of markers only.
  std::u32string rest = WithoutMarkers(folded);
  std::erase(rest, U' ');
  return rest.empty();
}

}  // namespace hadal::answer
