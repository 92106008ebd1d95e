#pragma once

#include "hadal/v1/assistant.grpc.pb.h"
#include "services/gateway/rpc_api/serve.h"
#include "services/gateway/work/ask.h"

namespace hadal::gateway {

/// hadal.v1.Assistant. Thread-safe.
class AssistantService final : public v1::Assistant::Service {
 public:
  AssistantService(const ServeEnvironment& environment, const AskPipeline* ask)
      : environment_(environment), ask_(ask) {}

  grpc::Status Ask(grpc::ServerContext* context, const v1::AskRequest* request,
                   grpc::ServerWriter<v1::AskEvent>* writer) override;

 private:
  const ServeEnvironment environment_;
  const AskPipeline* const ask_;
};

}  // namespace hadal::gateway
