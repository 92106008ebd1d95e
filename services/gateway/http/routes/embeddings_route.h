#pragma once

#include "services/gateway/backend/inference_client.h"
#include "services/gateway/http/embeddings_json.h"
#include "services/gateway/http/routes/route.h"

namespace hadal::gateway {

/// POST /v1/embeddings. `hadal`: {"kind": "query"|"passage"} puts the model's prefix before each
/// text.
class EmbeddingsRoute final : public Route {
 public:
  EmbeddingsRoute(const InferenceClient* inference, const EmbeddingsLimits& limits)
      : inference_(inference), limits_(limits) {}
  std::string_view method() const override { return "POST"; }
  std::string_view path() const override { return "/v1/embeddings"; }
  Status Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) override;

 private:
  const InferenceClient* const inference_;
  const EmbeddingsLimits limits_;
};

}  // namespace hadal::gateway
