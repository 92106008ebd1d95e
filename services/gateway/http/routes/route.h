#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "services/gateway/filters/admission.h"
#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

/// One method on one path (or path prefix) of the OpenAI protocol. Thread-safe.
class Route {
 public:
  virtual ~Route() = default;
  virtual std::string_view method() const = 0;
  /// The exact path, or a prefix when it ends with '/'.
  virtual std::string_view path() const = 0;
  /// Serves an admitted request. OK: the request is closed and `writer` has its answer (or was
  /// aborted after a stream broke). Otherwise nothing has been written, and the router answers the
  /// error.
  virtual Status Serve(const HttpRequest& http, RequestContext& request,
                       ResponseWriter& writer) = 0;
};

/// 200 with `json` and the request id.
HttpResponse JsonResponse(const RequestContext& request, std::string json);

}  // namespace hadal::gateway
