#include "services/inference/generation.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "inference/chat.h"
#include "inference/constraint.h"

namespace hadal::inference_service {
namespace {

constexpr int kMaxMessages = 1024;

/// No text has so many bytes in each of its tokens: what is longer need not be tokenised to be
/// refused.
constexpr int64_t kMaxBytesPerToken = 64;

/// Whether the answer continues a chain of thought that `opening`, the text between the last
/// message and the answer, has begun.
bool OpensReasoning(std::string_view opening) {
  const size_t open = opening.rfind("<think>");
  if (open == std::string_view::npos) return false;
  return opening.find("</think>", open) == std::string_view::npos;
}

StatusOr<inference::SamplingParams> SamplingOf(const internal::v1::SamplingParams& wire) {
  inference::SamplingParams sampling;
  sampling.temperature = wire.temperature();
  sampling.top_k = wire.top_k();
  sampling.top_p = wire.top_p() == 0.0f ? 1.0f : wire.top_p();
  sampling.seed = wire.seed();
  sampling.max_tokens = wire.max_tokens() == 0 ? kDefaultMaxTokens : wire.max_tokens();
  sampling.stop.assign(wire.stop().begin(), wire.stop().end());
  sampling.min_p = wire.min_p();
  if (wire.repetition_penalty() != 0) sampling.repetition_penalty = wire.repetition_penalty();
  sampling.presence_penalty = wire.presence_penalty();
  sampling.frequency_penalty = wire.frequency_penalty();
  for (const auto& [token, bias] : wire.logit_bias()) sampling.logit_bias.push_back({token, bias});
  std::sort(sampling.logit_bias.begin(), sampling.logit_bias.end(),
            [](const auto& a, const auto& b) { return a.token < b.token; });
  if (wire.has_top_logprobs()) sampling.top_logprobs = wire.top_logprobs();
  RETURN_IF_ERROR(inference::ValidateSamplingParams(sampling));
  return sampling;
}

StatusOr<std::shared_ptr<const inference::Constraint>> ConstraintOf(
    const internal::v1::Constraint& wire, inference::ConstraintSpec::Reasoning reasoning,
    const inference::ChatModel& model) {
  using Kind = inference::ConstraintSpec::Kind;
  inference::ConstraintSpec spec;
  spec.reasoning = reasoning;
  switch (wire.kind_case()) {
    case internal::v1::Constraint::kJsonObject:
      spec.kind = Kind::kJsonObject;
      break;
    case internal::v1::Constraint::kJsonSchema:
      spec.kind = Kind::kJsonSchema;
      spec.text = wire.json_schema();
      break;
    case internal::v1::Constraint::kRegex:
      spec.kind = Kind::kRegex;
      spec.text = wire.regex();
      break;
    default:
      return InvalidArgument("{}no kind is set", kConstraintErrorPrefix);
  }
  auto constraint = model.constraints->Compile(spec);
  if (constraint.ok()) return constraint;
  return MakeStatus(constraint.status().code(),
                    kConstraintErrorPrefix + StatusMessage(constraint.status()));
}

}  // namespace

StatusOr<Generation> PrepareGeneration(const internal::v1::GenerateRequest& wire,
                                       const inference::ChatModel& model, absl::Time deadline) {
  if (wire.messages().empty() || wire.messages_size() > kMaxMessages) {
    return InvalidArgument("the request has {} messages; expected 1 to {}", wire.messages_size(),
                           kMaxMessages);
  }
  std::vector<inference::ChatMessage> messages;
  size_t bytes = wire.assistant_prefix().size();
  for (const internal::v1::ChatMessage& message : wire.messages()) {
    messages.push_back({message.role(), message.content()});
    bytes += message.content().size();
  }
  if (static_cast<int64_t>(bytes) > model.context_length * kMaxBytesPerToken) {
    return InvalidArgument(
        "the messages have {} bytes; the model's context of {} tokens cannot "
        "hold them; shorten them",
        bytes, model.context_length);
  }
  Generation generation;
  inference::GenerateRequest& request = generation.request;
  ASSIGN_OR_RETURN(request.sampling, SamplingOf(wire.sampling()));
  ASSIGN_OR_RETURN(request.prompt_tokens,
                   inference::EncodeChat(model.chat_template, messages, true, *model.tokenizer));
  const std::vector<int32_t> prefix = model.tokenizer->Encode(wire.assistant_prefix(), {});
  request.prompt_tokens.insert(request.prompt_tokens.end(), prefix.begin(), prefix.end());
  const int32_t room = model.context_length - static_cast<int32_t>(request.prompt_tokens.size());
  if (room < 1) {
    return InvalidArgument("the prompt has {} tokens; the model's context has {}; shorten it",
                           request.prompt_tokens.size(), model.context_length);
  }
  request.sampling.max_tokens = std::min(request.sampling.max_tokens, room);
  request.n = wire.n() == 0 ? 1 : wire.n();
  request.cache_namespace = wire.cache_namespace();
  request.tenant = wire.tenant();
  request.priority = wire.priority();
  request.deadline = deadline;

  ASSIGN_OR_RETURN(const std::string asked,
                   inference::RenderChat(model.chat_template, messages, false));
  ASSIGN_OR_RETURN(const std::string opened,
                   inference::RenderChat(model.chat_template, messages, true));
  generation.begins_inside_reasoning = OpensReasoning(
      opened.substr(std::min(asked.size(), opened.size())) + wire.assistant_prefix());
  if (wire.has_constraint()) {
    using Reasoning = inference::ConstraintSpec::Reasoning;
    const bool may_reason =
        inference::MayReason(model.chat_template) && wire.assistant_prefix().empty();
    const Reasoning reasoning = generation.begins_inside_reasoning ? Reasoning::kInside
                                : may_reason                       ? Reasoning::kOptional
                                                                   : Reasoning::kNone;
    ASSIGN_OR_RETURN(request.constraint, ConstraintOf(wire.constraint(), reasoning, model));
  }
  return generation;
}

}  // namespace hadal::inference_service
