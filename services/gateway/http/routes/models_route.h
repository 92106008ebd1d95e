#pragma once

#include "services/gateway/backend/inference_client.h"
#include "services/gateway/backend/retrieval_client.h"
#include "services/gateway/http/routes/route.h"

namespace hadal::gateway {

/// GET /v1/models: what is served; for callers who may ask knowledge bases also every chat model
/// with every knowledge base, as "MODEL@KB".
class ListModelsRoute final : public Route {
 public:
  ListModelsRoute(const InferenceClient* inference, const RetrievalClient* retrieval)
      : inference_(inference), retrieval_(retrieval) {}
  std::string_view method() const override { return "GET"; }
  std::string_view path() const override { return "/v1/models"; }
  Status Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) override;

 private:
  const InferenceClient* const inference_;
  const RetrievalClient* const retrieval_;
};

/// GET /v1/models/{id}.
class GetModelRoute final : public Route {
 public:
  GetModelRoute(const InferenceClient* inference, const RetrievalClient* retrieval)
      : inference_(inference), retrieval_(retrieval) {}
  std::string_view method() const override { return "GET"; }
  std::string_view path() const override { return "/v1/models/"; }
  Status Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) override;

 private:
  const InferenceClient* const inference_;
  const RetrievalClient* const retrieval_;
};

/// Undoes percent-encoding; INVALID_ARGUMENT for a broken escape or a result that is not UTF-8.
StatusOr<std::string> PercentDecode(std::string_view text);

}  // namespace hadal::gateway
