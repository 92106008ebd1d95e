#include "services/gateway/http/chat_response.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/hex.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

json UsageJson(const v1::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens()},
          {"completion_tokens", usage.completion_tokens()},
          {"total_tokens", usage.prompt_tokens() + usage.completion_tokens()},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens()}}}};
}

json AuditJson(uint64_t index, const std::string& leaf_hash_hex) {
  return {{"index", index}, {"leaf_hash", leaf_hash_hex}};
}

json Extension(const v1::AskResult& result) {
  json citations = json::array();
  for (const v1::Citation& citation : result.citations()) {
    citations.push_back({{"n", citation.n()},
                         {"document", citation.document_id()},
                         {"title", citation.title()},
                         {"chunk_id", citation.chunk_id()},
                         {"page", citation.page()},
                         {"start", citation.start()},
                         {"end", citation.end()},
                         {"quote", citation.quote()}});
  }
  json retrieved = json::array();
  for (const v1::RetrievedChunk& chunk : result.retrieved()) {
    retrieved.push_back({{"document", chunk.document_id()},
                         {"chunk_id", chunk.chunk_id()},
                         {"title", chunk.title()},
                         {"page", chunk.page()},
                         {"score", chunk.score()},
                         {"text", chunk.text()}});
  }
  json extension = {{"citations", std::move(citations)},
                    {"retrieved", std::move(retrieved)},
                    {"refused", result.refused()},
                    {"audit", AuditJson(result.audit().index(), result.audit().leaf_hash())}};
  if (result.refused()) extension["refusal_reason"] = result.refusal_reason();
  if (!result.standalone_question().empty()) {
    extension["standalone_question"] = result.standalone_question();
  }
  return extension;
}

json Extension(const ChatAnswer& answer) {
  return {{"audit", AuditJson(answer.position.index, HexEncode(answer.position.leaf_hash))}};
}

std::string FinishReason(const std::string& reason) {
  return reason == "length" ? "length" : "stop";  // the two words OpenAI has for ours
}

json Message(const std::string& reasoning, const std::string& content) {
  json message = {{"role", "assistant"}, {"content", content}, {"refusal", nullptr}};
  if (!reasoning.empty()) message["reasoning_content"] = reasoning;
  return message;
}

json Envelope(const std::string& id, const char* object, int64_t created,
              const std::string& model) {
  return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
}

// Generated text is UTF-8 by contract; what is not must not throw out of dump().
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json LogprobJson(const internal::v1::TokenLogprob& of) {
  json bytes = json::array();
  for (const char byte : of.text()) bytes.push_back(static_cast<uint8_t>(byte));
  return {{"token", of.text()}, {"bytes", std::move(bytes)}, {"logprob", of.logprob()}};
}

// Null where none were asked for. A token that is a part of a character is shown by its bytes.
json LogprobsJson(const google::protobuf::RepeatedPtrField<internal::v1::TokenLogprob>& logprobs) {
  if (logprobs.empty()) return nullptr;
  json content = json::array();
  for (const internal::v1::TokenLogprob& of : logprobs) {
    json token = LogprobJson(of);
    token["top_logprobs"] = json::array();
    for (const auto& other : of.top()) token["top_logprobs"].push_back(LogprobJson(other));
    content.push_back(std::move(token));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json WholeChoice(int32_t index, json message, const std::string& finish_reason, json logprobs) {
  return {{"index", index},
          {"message", std::move(message)},
          {"logprobs", std::move(logprobs)},
          {"finish_reason", FinishReason(finish_reason)}};
}

std::string WholeJson(json envelope, json choices, const v1::Usage& usage, json extension) {
  envelope["choices"] = std::move(choices);
  envelope["usage"] = UsageJson(usage);
  envelope["hadal"] = std::move(extension);
  return Dump(envelope);
}

json ChunkChoice(int32_t index, json delta, json finish_reason, json logprobs = nullptr) {
  return {{"index", index},
          {"delta", std::move(delta)},
          {"logprobs", std::move(logprobs)},
          {"finish_reason", std::move(finish_reason)}};
}

json ChunkJson(json envelope, json choices) {
  envelope["choices"] = std::move(choices);
  return envelope;
}

constexpr char kWhole[] = "chat.completion";
constexpr char kChunk[] = "chat.completion.chunk";

}  // namespace

v1::Usage UsageOf(const internal::v1::GenerateResult& result) {
  v1::Usage usage;
  usage.set_prompt_tokens(result.prompt_tokens());
  usage.set_cached_tokens(result.cached_tokens());
  usage.set_completion_tokens(result.completion_tokens());
  return usage;
}

ChatResponse::ChatResponse(const std::string& request_id, int64_t created_unix_s, std::string model)
    : id_("chatcmpl-" + request_id), created_unix_s_(created_unix_s), model_(std::move(model)) {}

std::string ChatResponse::Whole(const v1::AskResult& result) const {
  json choice =
      WholeChoice(0, Message(result.reasoning(), result.answer()), result.finish_reason(), nullptr);
  return WholeJson(Envelope(id_, kWhole, created_unix_s_, model_), json::array({std::move(choice)}),
                   result.usage(), Extension(result));
}

std::string ChatResponse::Whole(const ChatAnswer& answer) const {
  json choices = json::array();
  for (int32_t k = 0; k < answer.num_choices(); ++k) {
    const ChatChoice& choice = answer.choices[static_cast<size_t>(k)];
    choices.push_back(WholeChoice(k, Message(choice.reasoning, choice.content),
                                  answer.finish_reason(k), LogprobsJson(choice.logprobs)));
  }
  return WholeJson(Envelope(id_, kWhole, created_unix_s_, model_), std::move(choices),
                   UsageOf(answer.result), Extension(answer));
}

std::string ChatResponse::RoleChunk(int32_t num_choices) const {
  json choices = json::array();
  for (int32_t k = 0; k < num_choices; ++k) {
    choices.push_back(ChunkChoice(k, {{"role", "assistant"}, {"content", ""}}, nullptr));
  }
  return Dump(ChunkJson(Envelope(id_, kChunk, created_unix_s_, model_), std::move(choices)));
}

std::string ChatResponse::DeltaChunk(const internal::v1::GenerateDelta& piece) const {
  json delta = json::object();
  if (!piece.reasoning().empty()) delta["reasoning_content"] = piece.reasoning();
  if (!piece.content().empty()) delta["content"] = piece.content();
  json choice =
      ChunkChoice(piece.choice(), std::move(delta), nullptr, LogprobsJson(piece.logprobs()));
  return Dump(
      ChunkJson(Envelope(id_, kChunk, created_unix_s_, model_), json::array({std::move(choice)})));
}

std::string ChatResponse::LastChunk(const v1::AskResult& result) const {
  json choice = ChunkChoice(0, json::object(), FinishReason(result.finish_reason()));
  json chunk =
      ChunkJson(Envelope(id_, kChunk, created_unix_s_, model_), json::array({std::move(choice)}));
  chunk["hadal"] = Extension(result);
  return Dump(chunk);
}

std::string ChatResponse::LastChunk(const ChatAnswer& answer) const {
  json choices = json::array();
  for (int32_t k = 0; k < answer.num_choices(); ++k) {
    choices.push_back(ChunkChoice(k, json::object(), FinishReason(answer.finish_reason(k))));
  }
  json chunk = ChunkJson(Envelope(id_, kChunk, created_unix_s_, model_), std::move(choices));
  chunk["hadal"] = Extension(answer);
  return Dump(chunk);
}

std::string ChatResponse::UsageChunk(const v1::Usage& usage) const {
  json chunk = Envelope(id_, kChunk, created_unix_s_, model_);
  chunk["choices"] = json::array();
  chunk["usage"] = UsageJson(usage);
  return Dump(chunk);
}

}  // namespace hadal::gateway
