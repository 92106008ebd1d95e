#include "services/gateway/filters/error_detail.h"

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace hadal::gateway {
namespace {

constexpr char kHttpStatusUrl[] = "hadal/http-status";
constexpr char kParamUrl[] = "hadal/openai-param";
constexpr char kCodeUrl[] = "hadal/openai-code";

std::string Payload(const Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

Status WithDetail(Status status, const ErrorDetail& detail) {
  if (detail.http_status != 0) {
    status.SetPayload(kHttpStatusUrl, absl::Cord(std::to_string(detail.http_status)));
  }
  if (!detail.param.empty()) status.SetPayload(kParamUrl, absl::Cord(detail.param));
  if (!detail.code.empty()) status.SetPayload(kCodeUrl, absl::Cord(detail.code));
  return status;
}

ErrorDetail DetailOf(const Status& status) {
  ErrorDetail detail{.param = Payload(status, kParamUrl), .code = Payload(status, kCodeUrl)};
  const std::string http_status = Payload(status, kHttpStatusUrl);
  if (!http_status.empty()) detail.http_status = std::stoi(http_status);
  return detail;
}

}  // namespace hadal::gateway
