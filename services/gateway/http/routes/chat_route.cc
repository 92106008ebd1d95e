#include "services/gateway/http/routes/chat_route.h"

#include <optional>

#include "services/gateway/http/chat_response.h"
#include "services/gateway/http/json_body.h"
#include "services/gateway/http/json_fields.h"
#include "services/gateway/http/openai_error.h"
#include "services/gateway/http/sse.h"

namespace hadal::gateway {
namespace {

/// How the inference service begins its errors on constraints (services/inference/generation.h).
constexpr std::string_view kConstraintError = "constraint: ";

// An answer from documents is checked as a whole and may be drawn again: what shapes single tokens
// cannot be honoured. nullptr when nothing of the kind is asked for.
const char* NotWithKnowledge(const internal::v1::GenerateRequest& generate) {
  if (generate.n() > 1) return "n";
  const internal::v1::SamplingParams& sampling = generate.sampling();
  if (sampling.stop_size() > 0) return "stop";
  if (sampling.top_p() > 0 && sampling.top_p() < 1) return "top_p";
  if (sampling.top_k() > 0) return "top_k";
  if (sampling.min_p() > 0) return "min_p";
  if (sampling.repetition_penalty() != 0) return "repetition_penalty";
  if (sampling.presence_penalty() != 0) return "presence_penalty";
  if (sampling.frequency_penalty() != 0) return "frequency_penalty";
  if (!sampling.logit_bias().empty()) return "logit_bias";
  return sampling.has_top_logprobs() ? "logprobs" : nullptr;
}

/// The engine's word on a constraint, under the name the client knows it by.
Status NameConstraint(const Status& status, const std::string& param) {
  const std::string message = StatusMessage(status);
  const bool is_constraint = status.code() == StatusCode::kInvalidArgument &&
                             message.starts_with(kConstraintError) && !param.empty();
  return is_constraint ? BadParam(param, message.substr(kConstraintError.size())) : status;
}

/// Every user message before the last one, with what the assistant said to it.
void AddHistory(const internal::v1::GenerateRequest& generate, v1::AskRequest& ask) {
  for (const internal::v1::ChatMessage& message : generate.messages()) {
    if (message.role() == "user") ask.add_history()->set_question(message.content());
    const bool answers = message.role() == "assistant" && !ask.history().empty();
    if (answers) {
      v1::Turn& turn = *ask.mutable_history()->rbegin();
      turn.set_answer(turn.answer() + message.content());
    }
  }
  if (!ask.history().empty()) ask.mutable_history()->RemoveLast();  // the question itself
}

StatusOr<v1::AskRequest> AskOf(const ChatRequest& chat) {
  const internal::v1::SamplingParams& sampling = chat.generate.sampling();
  const char* param = NotWithKnowledge(chat.generate);
  if (chat.generate.has_constraint()) param = chat.constraint_param.c_str();
  if (param != nullptr) {
    return WithDetail(InvalidArgument("{} is not supported with a knowledge base", param),
                      {.param = param, .code = "invalid_value"});
  }
  v1::AskRequest ask;
  ask.set_question(chat.question);
  ask.set_knowledge_base(chat.knowledge_base);
  ask.set_model(chat.generate.model());
  ask.set_top_k(chat.top_k);
  ask.set_max_tokens(sampling.max_tokens());
  ask.set_temperature(sampling.temperature());
  ask.set_seed(sampling.seed());
  AddHistory(chat.generate, ask);
  return ask;
}

// Deltas of a plain chat as server-sent events.
class SseSink final : public ChatSink {
 public:
  SseSink(const RequestContext& request, int64_t created, int32_t num_choices,
          ResponseWriter& writer)
      : request_id_(request.request_id()),
        created_(created),
        num_choices_(num_choices),
        writer_(writer) {}

  void OnStart(const std::string& model) override {
    response_.emplace(request_id_, created_, model);
    writer_.Start(SseHead(request_id_));
    writer_.Write(SseEvent(response_->RoleChunk(num_choices_)));
  }
  bool OnDelta(const internal::v1::GenerateDelta& delta) override {
    return writer_.Write(SseEvent(response_->DeltaChunk(delta)));
  }
  bool started() const { return response_.has_value(); }
  const ChatResponse& response() const { return *response_; }

 private:
  const std::string request_id_;
  const int64_t created_;
  const int32_t num_choices_;
  ResponseWriter& writer_;
  std::optional<ChatResponse> response_;
};

void FinishStream(const std::string& last_chunk, const std::string& usage_chunk,
                  ResponseWriter& writer) {
  std::string events = SseEvent(last_chunk);
  if (!usage_chunk.empty()) events += SseEvent(usage_chunk);
  writer.Write(events + SseEvent(kSseDone));
  writer.Finish();
}

}  // namespace

Status ChatRoute::Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) {
  RETURN_IF_ERROR(CheckJsonContentType(http.content_type));
  ASSIGN_OR_RETURN(const ChatRequest chat, ParseChatRequest(http.body, limits_));
  return chat.knowledge_base.empty() ? ServeChat(chat, request, writer)
                                     : ServeAsk(chat, request, writer);
}

Status ChatRoute::ServeAsk(const ChatRequest& chat, RequestContext& request,
                           ResponseWriter& writer) const {
  ASSIGN_OR_RETURN(const v1::AskRequest ask, AskOf(chat));
  ASSIGN_OR_RETURN(const v1::AskResult result, ask_->Run(request, writer.scope(), ask));
  const ChatResponse response(request.request_id(), NowUnixSeconds(),
                              result.model() + "@" + chat.knowledge_base);
  if (!chat.stream) {
    writer.Send(JsonResponse(request, response.Whole(result)));
    return OkStatus();
  }
  writer.Start(SseHead(request.request_id()));
  writer.Write(SseEvent(response.RoleChunk()));
  internal::v1::GenerateDelta whole;
  whole.set_reasoning(result.reasoning());
  whole.set_content(result.answer());
  writer.Write(SseEvent(response.DeltaChunk(whole)));
  FinishStream(response.LastChunk(result),
               chat.include_usage ? response.UsageChunk(result.usage()) : "", writer);
  return OkStatus();
}

Status ChatRoute::ServeChat(const ChatRequest& chat, RequestContext& request,
                            ResponseWriter& writer) const {
  internal::v1::GenerateRequest generate = chat.generate;
  if (generate.sampling().max_tokens() == 0) {
    generate.mutable_sampling()->set_max_tokens(limits_.default_max_tokens);
  }
  if (!chat.stream) {
    const StatusOr<ChatAnswer> answer = chat_->Run(request, writer.scope(), generate, nullptr);
    if (!answer.ok()) return NameConstraint(answer.status(), chat.constraint_param);
    const ChatResponse response(request.request_id(), NowUnixSeconds(), answer->model);
    writer.Send(JsonResponse(request, response.Whole(*answer)));
    return OkStatus();
  }
  SseSink sink(request, NowUnixSeconds(), generate.n(), writer);
  const StatusOr<ChatAnswer> answer = chat_->Run(request, writer.scope(), generate, &sink);
  if (!answer.ok()) {
    if (!sink.started()) return NameConstraint(answer.status(), chat.constraint_param);
    // The head is out: the error goes into the stream, which then ends without [DONE].
    writer.Write(SseEvent(ErrorBody(request.Finish(answer.status()))));
    writer.Abort();
    return OkStatus();
  }
  FinishStream(sink.response().LastChunk(*answer),
               chat.include_usage ? sink.response().UsageChunk(UsageOf(answer->result)) : "",
               writer);
  return OkStatus();
}

}  // namespace hadal::gateway
