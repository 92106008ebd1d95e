#pragma once

#include <memory>
#include <vector>

#include "services/gateway/filters/admission.h"
#include "services/gateway/http/routes/route.h"

namespace hadal::gateway {

/// Every HTTP request: through the filters, to its route, to its record. GET /healthz alone is
/// answered without a key and without a record: it says nothing but that the process runs.
/// Thread-safe.
class Router final : public HttpHandler {
 public:
  Router(const Admission* admission, std::vector<std::unique_ptr<Route>> routes)
      : admission_(admission), routes_(std::move(routes)) {}
  void Handle(const HttpRequest& http, ResponseWriter& writer) override;

 private:
  Status Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) const;
  /// NOT_FOUND, or INVALID_ARGUMENT with 405 when the path is known for another method.
  StatusOr<Route*> Find(const HttpRequest& http) const;

  const Admission* const admission_;
  const std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace hadal::gateway
