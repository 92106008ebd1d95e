#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// Templates are compiled in; a template inside a model file only selects one of them.
enum class ChatTemplate {
  kQwen25,
  kR1DistillQwen,  ///< R1-Distill of Qwen and of Llama
  kDeepSeekR1,
  kR1DistillThinks,   ///< the same as published later: the prompt opens the chain of thought
  kDeepSeekR1Thinks,  ///< likewise
  kSmolLm2,
  kDeepSeekV2,   ///< V2 and V2-Lite
  kDeepSeekV25,  ///< V2.5
  kDeepSeekV3,
  kLlama3,   ///< Llama 3 Instruct
  kLlama31,  ///< Llama 3.1, 3.2 and 3.3 Instruct, with their template's own date (26 Jul 2024)
};

/// Picks the template from the text of the one in the model file. INVALID_ARGUMENT when unknown.
StatusOr<ChatTemplate> IdentifyChatTemplate(std::string_view jinja);

/// Whether models with this template think before they answer, in `<think>` tags they open
/// themselves where the prompt does not.
bool MayReason(ChatTemplate chat_template);

/// The prompt as text, exact against the published template. INVALID_ARGUMENT on an unknown role.
StatusOr<std::string> RenderChat(ChatTemplate chat_template,
                                 const std::vector<ChatMessage>& messages,
                                 bool add_generation_prompt);

/// The prompt as token ids. Only the template's own markers become special tokens; the same marker
/// written inside a message is ordinary text.
StatusOr<std::vector<int32_t>> EncodeChat(ChatTemplate chat_template,
                                          const std::vector<ChatMessage>& messages,
                                          bool add_generation_prompt, const Tokenizer& tokenizer);

}  // namespace hadal::inference
