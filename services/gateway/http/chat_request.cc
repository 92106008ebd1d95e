#include "services/gateway/http/chat_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "services/gateway/http/json_fields.h"
#include "services/gateway/http/response_format.h"
#include "services/gateway/http/strict_json.h"
#include "services/gateway/work/search.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

constexpr int kMaxStops = 16;
constexpr size_t kMaxStopBytes = 256;
constexpr size_t kMaxLogitBias = 1024;
constexpr int64_t kMaxTopLogprobs = 20;

// Fields that would change the answer if they were honoured, with the value that changes nothing.
struct Neutral {
  const char* name;
  json value;
};
Status CheckUnsupported(const json& body) {
  static const std::array kUnsupported = {
      Neutral{"tools", json::array()},
      Neutral{"tool_choice", "none"},
      Neutral{"functions", json::array()},
      Neutral{"function_call", "none"},
      Neutral{"modalities", json::array({"text"})},
      Neutral{"audio", nullptr},
      Neutral{"prediction", nullptr},
      Neutral{"web_search_options", nullptr},
      // Other servers' names for constraints: response_format and hadal.guided_regex are ours.
      Neutral{"guided_json", nullptr},
      Neutral{"guided_regex", nullptr},
      Neutral{"guided_choice", nullptr},
      Neutral{"guided_grammar", nullptr},
      Neutral{"structured_outputs", nullptr},
  };
  for (const Neutral& field : kUnsupported) {
    const json* member = FindMember(body, field.name);
    if (member == nullptr || *member == field.value) continue;
    return BadParam(field.name, field.value.is_null()
                                    ? "is not supported here; leave it out"
                                    : "only " + field.value.dump() + " is supported here");
  }
  return OkStatus();
}

StatusOr<std::string> ParseContent(const json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return BadParam(where, "expected a string or a list of text parts");
  std::string text;
  for (const json& part : content) {
    if (!part.is_object() || part.value("type", json()) != "text" || !part.contains("text") ||
        !part["text"].is_string()) {
      return BadParam(where, R"(only parts {"type": "text", "text": ...} are supported here)");
    }
    text += part["text"].get<std::string>();
  }
  return text;
}

Status ParseMessages(const json& body, const ChatLimits& limits, ChatRequest& request) {
  const json* messages = FindMember(body, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    return BadParam("messages", "expected a list with at least one message");
  }
  if (messages->size() > static_cast<size_t>(limits.max_messages)) {
    return BadParam("messages", fmt::format("more than {} messages", limits.max_messages));
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    const std::string where = fmt::format("messages[{}]", i);
    const json& message = (*messages)[i];
    if (!message.is_object()) return BadParam(where, "expected an object");
    const json* role = FindMember(message, "role");
    const json* content = FindMember(message, "content");
    if (role == nullptr || !role->is_string())
      return BadParam(where + ".role", "expected a string");
    if (content == nullptr) return BadParam(where + ".content", "is missing");
    std::string name = role->get<std::string>();
    if (name == "developer") name = "system";  // OpenAI's newer name of the same role
    if (name != "system" && name != "user" && name != "assistant") {
      return BadParam(where + ".role", "expected system, developer, user or assistant");
    }
    ASSIGN_OR_RETURN(std::string text, ParseContent(*content, where + ".content"));
    if (name == "user") request.question = text;
    internal::v1::ChatMessage& added = *request.generate.add_messages();
    added.set_role(std::move(name));
    added.set_content(std::move(text));
  }
  return OkStatus();
}

Status ParseStops(const json& body, internal::v1::SamplingParams& sampling) {
  const json* stop = FindMember(body, "stop");
  if (stop == nullptr) return OkStatus();
  const json stops = stop->is_array() ? *stop : json::array({*stop});
  if (stops.size() > kMaxStops) {
    return BadParam("stop", fmt::format("at most {} strings", kMaxStops));
  }
  for (const json& text : stops) {
    if (!text.is_string()) return BadParam("stop", "expected a string or a list of strings");
    const std::string value = text.get<std::string>();
    if (value.empty() || value.size() > kMaxStopBytes) {
      return BadParam("stop", fmt::format("each must have 1 to {} bytes", kMaxStopBytes));
    }
    sampling.add_stop(value);
  }
  return OkStatus();
}

// {"TOKEN ID": BIAS, ...}
Status ParseLogitBias(const json& body, internal::v1::SamplingParams& sampling) {
  const json* biases = FindMember(body, "logit_bias");
  if (biases == nullptr) return OkStatus();
  if (!biases->is_object() || biases->size() > kMaxLogitBias) {
    return BadParam("logit_bias",
                    fmt::format("expected an object of at most {} token ids", kMaxLogitBias));
  }
  for (const auto& [key, bias] : biases->items()) {
    int32_t token = 0;
    if (!absl::SimpleAtoi(key, &token) || token < 0) {
      return BadParam("logit_bias", fmt::format("\"{}\" is no token id", key));
    }
    if (!bias.is_number() || !(std::abs(bias.get<double>()) <= 100)) {
      return BadParam("logit_bias", fmt::format("the bias of {} must be -100 to 100", token));
    }
    (*sampling.mutable_logit_bias())[token] = bias.get<float>();
  }
  return OkStatus();
}

Status ParseLogprobs(const json& body, internal::v1::SamplingParams& sampling) {
  ASSIGN_OR_RETURN(const auto wanted, BoolMember(body, "logprobs"));
  ASSIGN_OR_RETURN(const auto top, IntMember(body, "top_logprobs", 0, kMaxTopLogprobs));
  if (wanted.value_or(false)) {
    sampling.set_top_logprobs(static_cast<int32_t>(top.value_or(0)));
  } else if (top.value_or(0) > 0) {
    return BadParam("top_logprobs", "needs logprobs: true");
  }
  return OkStatus();
}

// OpenAI's penalties, and under the names other servers use, top_k, min_p and repetition_penalty.
Status ParsePenalties(const json& body, internal::v1::SamplingParams& sampling) {
  ASSIGN_OR_RETURN(const auto presence, NumberMember(body, "presence_penalty", -2, 2));
  ASSIGN_OR_RETURN(const auto frequency, NumberMember(body, "frequency_penalty", -2, 2));
  ASSIGN_OR_RETURN(const auto repetition, NumberMember(body, "repetition_penalty", 0.01, 10));
  ASSIGN_OR_RETURN(const auto min_p, NumberMember(body, "min_p", 0, 0.99));
  ASSIGN_OR_RETURN(const auto top_k, IntMember(body, "top_k", -1, INT32_MAX));
  sampling.set_presence_penalty(static_cast<float>(presence.value_or(0)));
  sampling.set_frequency_penalty(static_cast<float>(frequency.value_or(0)));
  sampling.set_repetition_penalty(static_cast<float>(repetition.value_or(0)));
  sampling.set_min_p(static_cast<float>(min_p.value_or(0)));
  sampling.set_top_k(static_cast<int32_t>(std::max<int64_t>(top_k.value_or(0), 0)));  // -1: off
  return OkStatus();
}

Status ParseSampling(const json& body, const ChatLimits& limits,
                     internal::v1::SamplingParams& sampling) {
  // OpenAI's default temperature is 1; ours is greedy, so that an audited answer can be repeated.
  ASSIGN_OR_RETURN(const auto temperature, NumberMember(body, "temperature", 0, 2));
  ASSIGN_OR_RETURN(const auto top_p, NumberMember(body, "top_p", 0, 1));
  ASSIGN_OR_RETURN(const auto seed, IntMember(body, "seed", INT64_MIN, INT64_MAX));
  ASSIGN_OR_RETURN(const auto old_max, IntMember(body, "max_tokens", 1, limits.max_tokens));
  ASSIGN_OR_RETURN(const auto new_max,
                   IntMember(body, "max_completion_tokens", 1, limits.max_tokens));
  if (old_max.has_value() && new_max.has_value() && *old_max != *new_max) {
    return BadParam("max_tokens", "differs from max_completion_tokens; give one of them");
  }
  sampling.set_temperature(static_cast<float>(temperature.value_or(0)));
  sampling.set_top_p(static_cast<float>(top_p.value_or(1)));
  sampling.set_seed(static_cast<uint64_t>(seed.value_or(0)));
  const int64_t max_tokens = new_max.value_or(old_max.value_or(0));
  sampling.set_max_tokens(static_cast<int32_t>(max_tokens));
  RETURN_IF_ERROR(ParsePenalties(body, sampling));
  RETURN_IF_ERROR(ParseLogitBias(body, sampling));
  RETURN_IF_ERROR(ParseLogprobs(body, sampling));
  return ParseStops(body, sampling);
}

Status ParseKnowledgeBase(const json& body, ChatRequest& request) {
  ASSIGN_OR_RETURN(const auto model, StringMember(body, "model"));
  if (!model.has_value() || model->empty()) return BadParam("model", "is missing");
  const size_t at = model->rfind('@');
  request.generate.set_model(model->substr(0, at));
  if (at != std::string::npos) {
    request.knowledge_base = model->substr(at + 1);
    if (request.knowledge_base.empty()) return BadParam("model", "no knowledge base after '@'");
  }
  const json* extension = FindMember(body, "hadal");
  if (extension == nullptr) return OkStatus();
  if (!extension->is_object()) return BadParam("hadal", "expected an object");
  ASSIGN_OR_RETURN(const auto named, StringMember(*extension, "knowledge_base"));
  if (named.has_value() && !request.knowledge_base.empty() && *named != request.knowledge_base) {
    return BadParam("hadal.knowledge_base", "differs from the one named after '@' in model");
  }
  if (named.has_value()) request.knowledge_base = *named;
  ASSIGN_OR_RETURN(const auto top_k, IntMember(*extension, "top_k", 1, kMaxTopK));
  request.top_k = static_cast<int32_t>(top_k.value_or(0));
  return OkStatus();
}

}  // namespace

StatusOr<ChatRequest> ParseChatRequest(std::string_view text, const ChatLimits& limits) {
  ASSIGN_OR_RETURN(const json body, ParseJsonObject(text));
  ChatRequest request;
  RETURN_IF_ERROR(ParseKnowledgeBase(body, request));
  RETURN_IF_ERROR(ParseMessages(body, limits, request));
  RETURN_IF_ERROR(ParseSampling(body, limits, *request.generate.mutable_sampling()));
  ASSIGN_OR_RETURN(const auto n, IntMember(body, "n", 1, limits.max_choices));
  request.generate.set_n(static_cast<int32_t>(n.value_or(1)));
  RETURN_IF_ERROR(CheckUnsupported(body));
  ASSIGN_OR_RETURN(request.constraint_param, ParseResponseFormat(body, text, request.generate));
  ASSIGN_OR_RETURN(const auto stream, BoolMember(body, "stream"));
  request.stream = stream.value_or(false);
  if (const json* options = FindMember(body, "stream_options"); options != nullptr) {
    if (!request.stream) return BadParam("stream_options", "needs stream: true");
    if (!options->is_object()) return BadParam("stream_options", "expected an object");
    ASSIGN_OR_RETURN(const auto usage, BoolMember(*options, "include_usage"));
    request.include_usage = usage.value_or(false);
  }
  if (!request.knowledge_base.empty() && request.question.empty()) {
    return BadParam("messages", "a question to a knowledge base needs a user message");
  }
  return request;
}

}  // namespace hadal::gateway
