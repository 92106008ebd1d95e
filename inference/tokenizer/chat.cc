// Chat templates, compiled in. Each follows the jinja text its models publish, for messages of the
// roles system, user and assistant without tools.
#include "inference/chat.h"

#include <utility>

namespace hadal::inference {
namespace {

constexpr std::string_view kBegin = "<｜begin▁of▁sentence｜>";
constexpr std::string_view kEnd = "<｜end▁of▁sentence｜>";
constexpr std::string_view kUser = "<｜User｜>";
constexpr std::string_view kAssistant = "<｜Assistant｜>";
constexpr std::string_view kImStart = "<|im_start|>";
constexpr std::string_view kImEnd = "<|im_end|>";
constexpr std::string_view kThinkEnd = "</think>";

constexpr std::string_view kQwenSystem =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
constexpr std::string_view kSmolSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

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

// R1 joins system messages with an empty line; the distilled models take the last one.
std::vector<Part> BuildDeepSeek(const std::vector<ChatMessage>& messages,
                                bool add_generation_prompt, bool join_systems) {
  std::string system;
  bool first = true;
  for (const ChatMessage& message : messages) {
    if (message.role != "system") continue;
    system = join_systems && !first ? system + "\n\n" + message.content : message.content;
    first = false;
  }
  PromptBuilder prompt;
  prompt.Marker(kBegin).Text(system);
  for (const ChatMessage& message : messages) {
    if (message.role == "user") prompt.Marker(kUser).Text(message.content);
    if (message.role != "assistant") continue;
    // The chain of thought of earlier turns is not shown again.
    std::string_view content = message.content;
    const size_t thought = content.rfind(kThinkEnd);
    if (thought != std::string_view::npos) content.remove_prefix(thought + kThinkEnd.size());
    prompt.Marker(kAssistant).Text(content).Marker(kEnd);
  }
  if (add_generation_prompt) prompt.Marker(kAssistant);
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
    case ChatTemplate::kR1DistillQwen: return BuildDeepSeek(messages, add_generation_prompt, false);
    case ChatTemplate::kDeepSeekR1: return BuildDeepSeek(messages, add_generation_prompt, true);
  }
  return InvalidArgument("unknown chat template {}", static_cast<int>(chat_template));
}

}  // namespace

StatusOr<ChatTemplate> IdentifyChatTemplate(std::string_view jinja) {
  auto has = [jinja](std::string_view part) { return jinja.find(part) != std::string_view::npos; };
  if (has(kImStart) && has(kQwenSystem)) return ChatTemplate::kQwen25;
  if (has(kImStart) && has(kSmolSystem)) return ChatTemplate::kSmolLm2;
  if (has(kAssistant) && has(kUser) && has(kThinkEnd)) {
    return has("is_first_sp") ? ChatTemplate::kDeepSeekR1 : ChatTemplate::kR1DistillQwen;
  }
  return InvalidArgument(
      "the model's chat template is none of Qwen2.5, SmolLM2, DeepSeek-R1, R1-Distill; it starts "
      "with \"{}\"",
      std::string(jinja.substr(0, 80)));
}

bool MayReason(ChatTemplate chat_template) {
  return chat_template == ChatTemplate::kDeepSeekR1 ||
         chat_template == ChatTemplate::kR1DistillQwen;
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
