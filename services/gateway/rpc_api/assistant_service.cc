#include "services/gateway/rpc_api/assistant_service.h"

namespace hadal::gateway {
namespace {

// Sources, reasoning, content, result. Called when the record is durable.
Status Release(const v1::AskResult& result, grpc::ServerWriter<v1::AskEvent>& writer) {
  v1::AskEvent event;
  *event.mutable_retrieved()->mutable_chunks() = result.retrieved();
  bool sent = writer.Write(event);
  if (sent && !result.reasoning().empty()) {
    event.set_reasoning_delta(result.reasoning());
    sent = writer.Write(event);
  }
  if (sent && !result.answer().empty()) {
    event.set_content_delta(result.answer());
    sent = writer.Write(event);
  }
  *event.mutable_result() = result;
  sent = sent && writer.Write(event);
  return sent ? OkStatus() : Cancelled("the caller went away");
}

}  // namespace

grpc::Status AssistantService::Ask(grpc::ServerContext* context, const v1::AskRequest* request,
                                   grpc::ServerWriter<v1::AskEvent>* writer) {
  return Serve(environment_, context, "hadal.v1.Assistant/Ask", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 ASSIGN_OR_RETURN(const v1::AskResult result, ask_->Run(admitted, scope, *request));
                 return Release(result, *writer);
               });
}

}  // namespace hadal::gateway
