#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/backend/call_scope.h"
#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

/// The connection as an answer needs it. Thread-safe: calls are carried to the connection's strand.
class ExchangeOwner {
 public:
  virtual ~ExchangeOwner() = default;
  virtual void Post(std::string bytes) = 0;
  /// The answer is complete: go on with the next request once all of it is written.
  virtual void PostEnd() = 0;
  /// Cut the connection.
  virtual void PostAbort() = 0;
};

/// One request's answer on its way from a worker to the connection. The writer's side belongs to
/// the worker; OnWritten() and OnPeerGone() are called by the connection.
class HttpExchange final : public ResponseWriter {
 public:
  HttpExchange(std::shared_ptr<ExchangeOwner> owner, absl::Time deadline, size_t max_unsent_bytes,
               bool keep_alive)
      : owner_(std::move(owner)),
        scope_(deadline),
        max_unsent_bytes_(max_unsent_bytes),
        keep_alive_(keep_alive) {}

  void Send(const HttpResponse& response) override;
  void Start(const HttpResponse& head) override;
  bool Write(std::string_view piece) override;
  void Finish() override;
  void Abort() override;
  CallScope& scope() override { return scope_; }
  /// Cuts the connection when the handler returned without a complete answer.
  void EnsureEnded();

  void OnWritten(size_t size);
  void OnPeerGone();

 private:
  bool PostBounded(std::string bytes);

  const std::shared_ptr<ExchangeOwner> owner_;
  CallScope scope_;
  const size_t max_unsent_bytes_;
  const bool keep_alive_;
  bool ended_ = false;  // the worker's
  absl::Mutex mu_;
  size_t unsent_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
};

/// Status line and headers, with the empty line. `content_length` < 0: chunked.
std::string FormatHead(const HttpResponse& response, int64_t content_length, bool keep_alive);

}  // namespace hadal::gateway
