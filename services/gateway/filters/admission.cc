#include "services/gateway/filters/admission.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "services/gateway/filters/digest.h"

namespace hadal::gateway {
namespace {

// Bounds of what a caller can put into a record: it must never grow past the log's own limit.
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxReasonBytes = 1024;

// Record strings are protobuf strings (valid UTF-8) of bounded length, whatever the peer sent.
std::string Bounded(std::string_view text, size_t limit) {
  std::string valid = SanitizeUtf8(text.substr(0, limit));
  if (valid.size() > limit)
    valid.resize(CompleteUtf8Prefix(std::string_view(valid).substr(0, limit)));
  return valid;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view BearerToken(std::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return {};
  if (!EqualsIgnoringCase(authorization.substr(0, space), "bearer")) return {};
  const std::string_view token = authorization.substr(space + 1);
  return token.find(' ') == std::string_view::npos ? token : std::string_view{};
}

std::unique_ptr<RequestContext> Admission::Open(const RequestHead& head) const {
  auto context = std::make_unique<RequestContext>(deps_, head);
  context->Admit(head);
  return context;
}

RequestContext::RequestContext(const Admission::Dependencies& dependencies, const RequestHead& head)
    : deps_(dependencies), position_(Unavailable("not closed yet")) {
  record_.set_request_id(NewRequestId());
  record_.set_method(Bounded(head.method, kMaxNameBytes));
  record_.set_peer(Bounded(head.peer, kMaxNameBytes));
}

RequestContext::~RequestContext() {
  if (closed_) return;
  const Status outcome = Internal("the handler ended without closing the request");
  LogError("request {} ({}): {}", request_id(), record_.method(), StatusMessage(outcome));
  Close(outcome).IgnoreError();
}

void RequestContext::Admit(const RequestHead& head) {
  StatusOr<auth::Principal> principal =
      deps_.authenticator->Authenticate(BearerToken(head.authorization));
  if (!principal.ok()) {
    admitted_ = principal.status();
    refused_ = true;
    AddDetermining("authn");
    return;
  }
  principal_ = *std::move(principal);
  record_.set_principal(principal_.user_id);
  record_.set_key_id(principal_.key_id);
  QuotaVerdict verdict = deps_.quota->Take(principal_.key_id);
  admitted_ = verdict.status;
  retry_after_ = verdict.retry_after;
  ticket_ = std::move(verdict.ticket);
  if (!admitted_.ok()) {
    refused_ = true;
    AddDetermining("quota");
  }
}

Status RequestContext::Authorize(std::string_view action, std::string_view resource) {
  RETURN_IF_ERROR(admitted_);
  if (!resource.empty()) record_.set_resource(Bounded(resource, kMaxNameBytes));
  const auth::Decision decision = deps_.authorizer->Check(principal_, action, resource);
  for (const std::string& rule : decision.determining) AddDetermining(rule);
  if (decision.allowed) return OkStatus();
  refused_ = true;
  return PermissionDenied("{}", Bounded(decision.reason, kMaxReasonBytes));
}

bool RequestContext::Permitted(std::string_view action, std::string_view resource) {
  if (!admitted_.ok()) return false;
  const auth::Decision decision = deps_.authorizer->Check(principal_, action, resource);
  if (decision.allowed) {
    for (const std::string& rule : decision.determining) AddDetermining(rule);
  }
  return decision.allowed;
}

Status RequestContext::Refuse(std::string_view rule, const Status& why) {
  refused_ = true;
  AddDetermining(rule);
  return why;
}

void RequestContext::AddDetermining(std::string_view rule) {
  const std::string bounded = Bounded(rule, kMaxNameBytes);
  const auto& known = record_.determining();
  if (std::find(known.begin(), known.end(), bounded) == known.end()) {
    record_.add_determining(bounded);
  }
}

std::string RequestContext::OutcomeName(const Status& outcome) const {
  if (outcome.ok()) return no_answer_ ? "no_answer" : "ok";
  if (refused_) return "refused";
  if (outcome.code() == StatusCode::kCancelled) return "cancelled";
  return "error";
}

StatusOr<auth::AuditPosition> RequestContext::Append() {
  record_.set_time_unix_ms(absl::ToUnixMillis(deps_.clock->Now()));
  StatusOr<auth::AuditPosition> position = deps_.audit_log->Append(record_);
  if (position.ok()) return position;
  // The cause is for the operator; the caller learns only that there is no answer.
  LogError("request {} ({}): no audit record: {}", request_id(), record_.method(),
           StatusMessage(position.status()));
  return Unavailable(
      "the audit record could not be written, so nothing is answered; "
      "ask the administrator to check the audit log of the appliance");
}

Status RequestContext::RecordStart() {
  RETURN_IF_ERROR(admitted_);
  record_.set_outcome("started");
  return Append().status();
}

StatusOr<auth::AuditPosition> RequestContext::Close(const Status& outcome) {
  if (closed_) return position_;
  closed_ = true;
  record_.set_outcome(OutcomeName(outcome));
  record_.set_status_code(static_cast<int32_t>(outcome.code()));
  if (!outcome.ok()) record_.set_reason(Bounded(StatusMessage(outcome), kMaxReasonBytes));
  position_ = Append();
  return position_;
}

Status RequestContext::Finish(const Status& outcome) {
  const StatusOr<auth::AuditPosition> position = Close(outcome);
  return position.ok() ? outcome : position.status();
}

}  // namespace hadal::gateway
