#include "services/gateway/http/router.h"

#include <string>

#include "services/gateway/filters/digest.h"
#include "services/gateway/http/openai_error.h"

namespace hadal::gateway {
namespace {

constexpr std::string_view kHealthPath = "/healthz";

bool Matches(const Route& route, const std::string& path) {
  const std::string_view pattern = route.path();
  if (pattern.back() != '/') return path == pattern;
  return path.size() > pattern.size() &&
         std::string_view(path).substr(0, pattern.size()) == pattern;
}

}  // namespace

HttpResponse JsonResponse(const RequestContext& request, std::string json) {
  HttpResponse response;
  response.headers.emplace_back("x-request-id", request.request_id());
  response.body = std::move(json);
  return response;
}

StatusOr<Route*> Router::Find(const HttpRequest& http) const {
  std::string allowed;
  for (const auto& route : routes_) {
    if (!Matches(*route, http.path)) continue;
    if (route->method() == http.method) return route.get();
    allowed = route->method();
  }
  if (!allowed.empty()) {
    return WithDetail(
        InvalidArgument("{} {} is not there; use {}", http.method, http.path, allowed),
        {.http_status = 405, .code = "method_not_allowed"});
  }
  return WithDetail(NotFound("there is no {} {} here", http.method, http.path),
                    {.code = "unknown_url"});
}

void Router::Handle(const HttpRequest& http, ResponseWriter& writer) {
  if (http.fault.ok() && http.method == "GET" && http.path == kHealthPath) {
    HttpResponse response;
    response.body = R"({"status":"ok"})";
    return writer.Send(response);
  }
  const std::unique_ptr<RequestContext> request =
      admission_->Open({.method = http.method + " " + http.path,
                        .peer = http.peer,
                        .authorization = http.authorization});
  request->record().set_request_sha256(Sha256Hex(http.body));
  const Status status = Serve(http, *request, writer);
  if (status.ok()) return;
  const Status answer = request->Finish(status);
  HttpResponse response = ErrorResponse(answer, request->request_id());
  if (request->retry_after() > absl::ZeroDuration()) {
    response.headers.emplace_back("Retry-After",
                                  std::to_string(absl::ToInt64Seconds(request->retry_after())));
  } else if (response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  writer.Send(response);
}

Status Router::Serve(const HttpRequest& http, RequestContext& request,
                     ResponseWriter& writer) const {
  RETURN_IF_ERROR(request.admitted());
  RETURN_IF_ERROR(http.fault);
  ASSIGN_OR_RETURN(Route * route, Find(http));
  return route->Serve(http, request, writer);
}

}  // namespace hadal::gateway
