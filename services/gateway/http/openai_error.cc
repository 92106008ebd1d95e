#include "services/gateway/http/openai_error.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace hadal::gateway {
namespace {

struct Shape {
  int http_status;
  const char* type;
  const char* code;
};

Shape ShapeOf(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
    case StatusCode::kFailedPrecondition:
      return {400, "invalid_request_error", ""};
    case StatusCode::kUnauthenticated:
      return {401, "invalid_request_error", "invalid_api_key"};
    case StatusCode::kPermissionDenied:
      return {403, "permission_error", "permission_denied"};
    case StatusCode::kNotFound:
      return {404, "invalid_request_error", "not_found"};
    case StatusCode::kAlreadyExists:
    case StatusCode::kAborted:
      return {409, "invalid_request_error", "conflict"};
    case StatusCode::kResourceExhausted:
      return {429, "rate_limit_error", "rate_limit_exceeded"};
    case StatusCode::kCancelled:
      return {499, "api_error", "cancelled"};
    case StatusCode::kUnimplemented:
      return {501, "api_error", "not_implemented"};
    case StatusCode::kUnavailable:
      return {503, "api_error", "service_unavailable"};
    case StatusCode::kDeadlineExceeded:
      return {504, "api_error", "deadline_exceeded"};
    default:
      return {500, "api_error", "internal_error"};
  }
}

nlohmann::json TextOrNull(const std::string& text) {
  return text.empty() ? nlohmann::json() : nlohmann::json(text);
}

}  // namespace

int HttpStatusOf(const Status& status) {
  if (status.ok()) return 200;
  const int named = DetailOf(status).http_status;
  return named != 0 ? named : ShapeOf(status.code()).http_status;
}

std::string ErrorBody(const Status& status) {
  const Shape shape = ShapeOf(status.code());
  const ErrorDetail detail = DetailOf(status);
  const nlohmann::json body = {
      {"error",
       {{"message", SanitizeUtf8(StatusMessage(status))},
        {"type", shape.type},
        {"param", TextOrNull(detail.param)},
        {"code", TextOrNull(detail.code.empty() ? shape.code : detail.code)}}}};
  return body.dump();
}

HttpResponse ErrorResponse(const Status& status, const std::string& request_id) {
  HttpResponse response;
  response.status = HttpStatusOf(status);
  if (!request_id.empty()) response.headers.emplace_back("x-request-id", request_id);
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  response.body = ErrorBody(status);
  return response;
}

}  // namespace hadal::gateway
