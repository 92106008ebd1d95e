#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "auth/audit_log.h"
#include "auth/authenticator.h"
#include "auth/authorizer.h"
#include "base/clock.h"
#include "base/status.h"
#include "services/gateway/filters/quota.h"

namespace hadal::gateway {

/// What is known of a request before anything in it is believed.
struct RequestHead {
  std::string method;         ///< "hadal.v1.Assistant/Ask", "POST /v1/chat/completions"
  std::string peer;           ///< address of the caller
  std::string authorization;  ///< the value of the header or metadata, as received
};

/// KEY of "Bearer KEY" (RFC 6750 §2.1; the scheme in any case), else empty: refused like a wrong
/// key.
std::string_view BearerToken(std::string_view authorization);

class RequestContext;

/// The filter chain of both public protocols: audit → authn → quota → authz. Audit is outermost: a
/// RequestContext exists from the first filter on, and whatever becomes of the request, closing it
/// appends exactly one record (two for a stream: "started", then its end). No answer leaves before
/// its record is durable. Thread-safe.
class Admission {
 public:
  /// Everything must outlive the Admission and its contexts.
  struct Dependencies {
    const auth::Authenticator* authenticator = nullptr;
    const auth::Authorizer* authorizer = nullptr;
    auth::AuditLog* audit_log = nullptr;
    QuotaLimiter* quota = nullptr;
    const Clock* clock = nullptr;
  };
  explicit Admission(const Dependencies& dependencies) : deps_(dependencies) {}

  /// Audit, authn, quota. Never fails: a refusal is in the context's admitted().
  std::unique_ptr<RequestContext> Open(const RequestHead& head) const;

 private:
  const Dependencies deps_;
};

/// One request on its way through the filters. Confined to the thread that serves the request.
class RequestContext {
 public:
  RequestContext(const Admission::Dependencies& dependencies, const RequestHead& head);
  /// A context its owner forgot to close is closed as INTERNAL: there is no request without record.
  ~RequestContext();
  RequestContext(const RequestContext&) = delete;
  RequestContext& operator=(const RequestContext&) = delete;

  const std::string& request_id() const { return record_.request_id(); }
  /// OK; UNAUTHENTICATED; RESOURCE_EXHAUSTED with retry_after().
  const Status& admitted() const { return admitted_; }
  absl::Duration retry_after() const { return retry_after_; }
  /// Meaningful when admitted.
  const auth::Principal& principal() const { return principal_; }

  /// Authz. Keeps the decision for the record. PERMISSION_DENIED with the reason; the refusal of an
  /// earlier filter when there was one. A request may need several permissions: ask for each.
  Status Authorize(std::string_view action, std::string_view resource);
  /// Whether a further permission is held, where its absence is no refusal.
  bool Permitted(std::string_view action, std::string_view resource);

  /// A handler's own refusal (a label above the caller's rights): recorded as "refused", decided by
  /// `rule`. Returns `why`.
  Status Refuse(std::string_view rule, const Status& why);

  /// Fields the handler fills: digests, chunks, usage, model. The filters own the others.
  store::v1::AuditRecord& record() { return record_; }
  /// The answer was withheld for want of evidence: an OK close is recorded as "no_answer".
  void MarkNoAnswer() { no_answer_ = true; }

  /// Admission of a stream: one more record, written before the first token is released.
  Status RecordStart();
  /// Ends the request: its record is durable when this returns OK. UNAVAILABLE when it could not be
  /// written: the caller gets that and nothing else. A second call returns the first one's result.
  StatusOr<auth::AuditPosition> Close(const Status& outcome);
  /// Close() for handlers that do not show the position: `outcome`, or UNAVAILABLE as above.
  Status Finish(const Status& outcome);
  bool closed() const { return closed_; }

 private:
  friend class Admission;
  void Admit(const RequestHead& head);
  void AddDetermining(std::string_view rule);
  std::string OutcomeName(const Status& outcome) const;
  StatusOr<auth::AuditPosition> Append();

  const Admission::Dependencies deps_;
  store::v1::AuditRecord record_;
  Status admitted_;
  absl::Duration retry_after_ = absl::ZeroDuration();
  auth::Principal principal_;
  QuotaTicket ticket_;
  bool refused_ = false;
  bool no_answer_ = false;
  bool closed_ = false;
  StatusOr<auth::AuditPosition> position_;
};

}  // namespace hadal::gateway
