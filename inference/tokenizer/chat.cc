// Chat templates, compiled in. Each follows the jinja text its models publish, for messages of the
// roles system, user and assistant without tools.
#include "inference/chat.h"

#include <utility>

#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {
namespace {

constexpr std::string_view kBegin = "<｜begin▁of▁sentence｜>";
constexpr std::string_view kEnd = "<｜end▁of▁sentence｜>";
constexpr std::string_view kUser = "<｜User｜>";
constexpr std::string_view kAssistant = "<｜Assistant｜>";
constexpr std::string_view kImStart = "<|im_start|>";
constexpr std::string_view kImEnd = "<|im_end|>";
constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";
constexpr std::string_view kBeginOfText = "<|begin_of_text|>";
constexpr std::string_view kStartHeader = "<|start_header_id|>";
constexpr std::string_view kEndHeader = "<|end_header_id|>";
constexpr std::string_view kEndOfTurn = "<|eot_id|>";

constexpr std::string_view kQwenSystem =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
constexpr std::string_view kSmolSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
constexpr std::string_view kKnowledgeDate = "Cutting Knowledge Date: December 2023\n";
constexpr std::string_view kLlamaDate = "Today Date: 26 Jul 2024\n\n";

// A marker is one special token; other text never is.
struct Part {
  std::string text;
  bool marker;
};

class PromptBuilder {
 public:
  PromptBuilder& Marker(std::string_view marker) {
    parts_.push_back({std::string(marker), true});
    return *this;
  }
  PromptBuilder& Text(std::string_view text) {
    if (text.empty()) return *this;
    if (parts_.empty() || parts_.back().marker) parts_.push_back({"", false});
    parts_.back().text += text;
    return *this;
  }
  std::vector<Part> Take() { return std::move(parts_); }

 private:
  std::vector<Part> parts_;
};

void AppendChatMl(PromptBuilder& prompt, std::string_view role, std::string_view content) {
  prompt.Marker(kImStart).Text(role).Text("\n").Text(content).Marker(kImEnd).Text("\n");
}

std::vector<Part> BuildChatMl(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                              std::string_view default_system) {
  PromptBuilder prompt;
  if (messages.front().role != "system") AppendChatMl(prompt, "system", default_system);
  for (const ChatMessage& message : messages) AppendChatMl(prompt, message.role, message.content);
  if (add_generation_prompt) prompt.Marker(kImStart).Text("assistant\n");
  return prompt.Take();
}

/// How DeepSeek's models from V2.5 on differ.
struct DeepSeekStyle {
  bool join_systems;   ///< system messages with an empty line between them, else the last one
  bool drop_thoughts;  ///< the chain of thought of earlier turns is not shown again
  bool open_thought;   ///< the answer begins inside a chain of thought
};

std::vector<Part> BuildDeepSeek(const std::vector<ChatMessage>& messages,
                                bool add_generation_prompt, DeepSeekStyle style) {
  std::string system;
  bool first = true;
  for (const ChatMessage& message : messages) {
    if (message.role != "system") continue;
    system = style.join_systems && !first ? system + "\n\n" + message.content : message.content;
    first = false;
  }
  PromptBuilder prompt;
  prompt.Marker(kBegin).Text(system);
  for (const ChatMessage& message : messages) {
    if (message.role == "user") prompt.Marker(kUser).Text(message.content);
    if (message.role != "assistant") continue;
    std::string_view content = message.content;
    const size_t thought = style.drop_thoughts ? content.rfind(kThinkEnd) : std::string_view::npos;
    if (thought != std::string_view::npos) content.remove_prefix(thought + kThinkEnd.size());
    prompt.Marker(kAssistant).Text(content).Marker(kEnd);
  }
  if (add_generation_prompt) prompt.Marker(kAssistant);
  if (add_generation_prompt && style.open_thought) prompt.Marker(kThink).Text("\n");
  return prompt.Take();
}

std::vector<Part> BuildDeepSeekV2(const std::vector<ChatMessage>& messages,
                                  bool add_generation_prompt) {
  PromptBuilder prompt;
  prompt.Marker(kBegin);
  for (const ChatMessage& message : messages) {
    if (message.role == "assistant") {
      prompt.Text("Assistant: ").Text(message.content).Marker(kEnd);
    } else {
      prompt.Text(message.role == "user" ? "User: " : "").Text(message.content).Text("\n\n");
    }
  }
  if (add_generation_prompt) prompt.Text("Assistant:");
  return prompt.Take();
}

// Without white space at both ends, as jinja's trim takes it: what Python calls a space.
std::string_view Trim(std::string_view text) {
  const ClassifiedText classified(text);
  const auto is_space = [&](size_t i) {
    const char32_t c = classified.code_points[i];
    return (classified.classes[i] & kSpace) != 0 || (c >= 0x1C && c <= 0x1F);
  };
  size_t begin = 0;
  size_t end = classified.size();
  while (begin < end && is_space(begin)) ++begin;
  while (end > begin && is_space(end - 1)) --end;
  return classified.Slice(begin, end);
}

PromptBuilder& AppendLlamaHeader(PromptBuilder& prompt, std::string_view role) {
  return prompt.Marker(kStartHeader).Text(role).Marker(kEndHeader).Text("\n\n");
}

// `dated`: there always is a system message, and it begins with two dates.
std::vector<Part> BuildLlama(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                             bool dated) {
  PromptBuilder prompt;
  prompt.Marker(kBeginOfText);
  size_t next = 0;
  if (dated) {
    AppendLlamaHeader(prompt, "system").Text(kKnowledgeDate).Text(kLlamaDate);
    if (messages.front().role == "system") prompt.Text(Trim(messages[next++].content));
    prompt.Marker(kEndOfTurn);
  }
  for (; next < messages.size(); ++next) {
    AppendLlamaHeader(prompt, messages[next].role).Text(Trim(messages[next].content));
    prompt.Marker(kEndOfTurn);
  }
  if (add_generation_prompt) AppendLlamaHeader(prompt, "assistant");
  return prompt.Take();
}

StatusOr<std::vector<Part>> Build(ChatTemplate chat_template,
                                  const std::vector<ChatMessage>& messages,
                                  bool add_generation_prompt) {
  if (messages.empty()) return InvalidArgument("a chat needs at least one message");
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      return InvalidArgument("message role \"{}\", expected system, user or assistant",
                             message.role.substr(0, 64));
    }
  }
  switch (chat_template) {
    case ChatTemplate::kQwen25: return BuildChatMl(messages, add_generation_prompt, kQwenSystem);
    case ChatTemplate::kSmolLm2: return BuildChatMl(messages, add_generation_prompt, kSmolSystem);
    case ChatTemplate::kR1DistillQwen:
      return BuildDeepSeek(messages, add_generation_prompt, {false, true, false});
    case ChatTemplate::kDeepSeekR1:
      return BuildDeepSeek(messages, add_generation_prompt, {true, true, false});
    case ChatTemplate::kR1DistillThinks:
      return BuildDeepSeek(messages, add_generation_prompt, {false, true, true});
    case ChatTemplate::kDeepSeekR1Thinks:
      return BuildDeepSeek(messages, add_generation_prompt, {true, true, true});
    case ChatTemplate::kDeepSeekV25:
      return BuildDeepSeek(messages, add_generation_prompt, {false, false, false});
    case ChatTemplate::kDeepSeekV3:
      return BuildDeepSeek(messages, add_generation_prompt, {true, false, false});
    case ChatTemplate::kDeepSeekV2: return BuildDeepSeekV2(messages, add_generation_prompt);
    case ChatTemplate::kLlama3: return BuildLlama(messages, add_generation_prompt, false);
    case ChatTemplate::kLlama31: return BuildLlama(messages, add_generation_prompt, true);
  }
  return InvalidArgument("unknown chat template {}", static_cast<int>(chat_template));
}

}  // namespace

StatusOr<ChatTemplate> IdentifyChatTemplate(std::string_view jinja) {
  auto has = [jinja](std::string_view part) { return jinja.find(part) != std::string_view::npos; };
  if (has(kImStart) && has(kQwenSystem)) return ChatTemplate::kQwen25;
  if (has(kImStart) && has(kSmolSystem)) return ChatTemplate::kSmolLm2;
  // From V3.1 on a variable says whether to think, and the prompt opens or closes the thought.
  if (has(kAssistant) && has(kUser) && !has("thinking")) {
    const bool joins = has("is_first_sp");
    if (has(kThinkEnd) && has(kThink)) {
      return joins ? ChatTemplate::kDeepSeekR1Thinks : ChatTemplate::kR1DistillThinks;
    }
    if (has(kThinkEnd)) return joins ? ChatTemplate::kDeepSeekR1 : ChatTemplate::kR1DistillQwen;
    return joins ? ChatTemplate::kDeepSeekV3 : ChatTemplate::kDeepSeekV25;
  }
  if (has("'User: '") && has("'Assistant: '") && has("eos_token")) return ChatTemplate::kDeepSeekV2;
  if (has(kStartHeader) && has(kEndOfTurn)) {
    return has(kKnowledgeDate.substr(0, kKnowledgeDate.size() - 1)) ? ChatTemplate::kLlama31
                                                                    : ChatTemplate::kLlama3;
  }
  return InvalidArgument(
      "the model's chat template is none of Qwen2.5, SmolLM2, DeepSeek-V2, V2.5, V3 and R1, "
      "R1-Distill, Llama 3; it starts with \"{}\"",
      std::string(jinja.substr(0, 80)));
}

bool MayReason(ChatTemplate chat_template) {
  return chat_template == ChatTemplate::kDeepSeekR1 ||
         chat_template == ChatTemplate::kR1DistillQwen ||
         chat_template == ChatTemplate::kDeepSeekR1Thinks ||
         chat_template == ChatTemplate::kR1DistillThinks;
}

StatusOr<std::string> RenderChat(ChatTemplate chat_template,
                                 const std::vector<ChatMessage>& messages,
                                 bool add_generation_prompt) {
  ASSIGN_OR_RETURN(const std::vector<Part> parts,
                   Build(chat_template, messages, add_generation_prompt));
  std::string prompt;
  for (const Part& part : parts) prompt += part.text;
  return prompt;
}

StatusOr<std::vector<int32_t>> EncodeChat(ChatTemplate chat_template,
                                          const std::vector<ChatMessage>& messages,
                                          bool add_generation_prompt, const Tokenizer& tokenizer) {
  ASSIGN_OR_RETURN(const std::vector<Part> parts,
                   Build(chat_template, messages, add_generation_prompt));
  std::vector<int32_t> ids;
  for (const Part& part : parts) {
    if (part.marker) {
      const int32_t id = tokenizer.TokenId(part.text);
      if (id < 0) {
        return InvalidArgument("the tokenizer has no token {} of the chat template; template and "
                               "tokenizer belong to different models",
                               part.text);
      }
      ids.push_back(id);
    } else {
      const std::vector<int32_t> text = tokenizer.Encode(part.text, EncodeOptions{});
      ids.insert(ids.end(), text.begin(), text.end());
    }
  }
  return ids;
}

}  // namespace hadal::inference
