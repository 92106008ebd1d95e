#include "services/gateway/work/chat.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "auth/actions.h"
#include "services/gateway/filters/digest.h"

namespace hadal::gateway {
namespace {

void RecordSampling(const internal::v1::SamplingParams& sampling, store::v1::AuditRecord& record) {
  auto& attributes = *record.mutable_attributes();
  attributes["temperature"] = fmt::format("{}", sampling.temperature());
  attributes["top_p"] = fmt::format("{}", sampling.top_p());
  attributes["seed"] = std::to_string(sampling.seed());
  attributes["max_tokens"] = std::to_string(sampling.max_tokens());
  if (sampling.top_k() != 0) attributes["top_k"] = std::to_string(sampling.top_k());
  const auto record_penalty = [&](const char* name, float value) {
    if (value != 0) attributes[name] = fmt::format("{}", value);
  };
  record_penalty("min_p", sampling.min_p());
  record_penalty("repetition_penalty", sampling.repetition_penalty());
  record_penalty("presence_penalty", sampling.presence_penalty());
  record_penalty("frequency_penalty", sampling.frequency_penalty());
  if (!sampling.logit_bias().empty()) {
    const std::map<int32_t, float> ascending(sampling.logit_bias().begin(),
                                             sampling.logit_bias().end());
    std::string text;
    for (const auto& [token, bias] : ascending) text += fmt::format("{}:{} ", token, bias);
    attributes["logit_bias"] = text;
  }
}

/// A digest is enough to tell whether a later run had the same one.
void RecordConstraint(const internal::v1::Constraint& constraint, store::v1::AuditRecord& record) {
  std::string& attribute = (*record.mutable_attributes())["constraint"];
  if (constraint.has_json_object()) attribute = "json_object";
  if (constraint.has_json_schema()) {
    attribute = "json_schema sha256:" + Sha256Hex(constraint.json_schema());
  }
  if (constraint.has_regex()) attribute = "regex sha256:" + Sha256Hex(constraint.regex());
}

void RecordAnswer(const ChatAnswer& answer, store::v1::AuditRecord& record) {
  std::string digests;
  for (const ChatChoice& choice : answer.choices) digests += Sha256Hex(choice.content);
  record.set_answer_sha256(answer.choices.size() == 1 ? digests : Sha256Hex(digests));
  record.set_prompt_tokens(answer.result.prompt_tokens());
  record.set_cached_tokens(answer.result.cached_tokens());
  record.set_completion_tokens(answer.result.completion_tokens());
  std::string& reasons = (*record.mutable_attributes())["finish_reason"];
  reasons = answer.result.finish_reason();
  for (const auto& other : answer.result.others()) reasons += "," + other.finish_reason();
}

}  // namespace

StatusOr<ChatAnswer> ChatPipeline::Run(RequestContext& request, CallScope& scope,
                                       internal::v1::GenerateRequest generate,
                                       ChatSink* sink) const {
  RETURN_IF_ERROR(request.Authorize(auth::actions::kModelChat, generate.model()));
  ASSIGN_OR_RETURN(const v1::Model model,
                   deps_.inference->FindModel(scope, generate.model(), "chat"));
  store::v1::AuditRecord& record = request.record();
  record.set_model(model.id());
  record.set_model_sha256(model.sha256());
  RecordSampling(generate.sampling(), record);
  if (generate.has_constraint()) RecordConstraint(generate.constraint(), record);
  generate.set_model(model.id());
  generate.set_tenant(request.principal().user_id);
  generate.set_cache_namespace(deps_.tenants->NamespaceOf(request.principal().user_id));

  ChatAnswer answer;
  answer.model = model.id();
  answer.choices.resize(static_cast<size_t>(std::max(generate.n(), 1)));
  if (generate.n() > 1) (*record.mutable_attributes())["n"] = std::to_string(generate.n());
  bool started = false;
  Status start_status;
  const auto on_delta = [&](const internal::v1::GenerateDelta& delta) {
    if (sink != nullptr && !started) {
      start_status = request.RecordStart();
      if (!start_status.ok()) return false;
      started = true;
      sink->OnStart(model.id());
    }
    ChatChoice& choice = answer.choices[static_cast<size_t>(delta.choice())];
    choice.reasoning += delta.reasoning();
    choice.content += delta.content();
    choice.logprobs.MergeFrom(delta.logprobs());
    return !scope.cancelled() && (sink == nullptr || sink->OnDelta(delta));
  };
  StatusOr<internal::v1::GenerateResult> result =
      deps_.inference->Generate(scope, generate, on_delta);
  RETURN_IF_ERROR(start_status);
  if (result.ok()) answer.result = *std::move(result);
  // What was released before a failure belongs into the record as well.
  if (result.ok() || started) RecordAnswer(answer, record);
  RETURN_IF_ERROR(result.status());
  ASSIGN_OR_RETURN(answer.position, request.Close(OkStatus()));
  // An empty generation starts its stream only now: its one record is durable.
  if (sink != nullptr && !started) sink->OnStart(model.id());
  return answer;
}

}  // namespace hadal::gateway
