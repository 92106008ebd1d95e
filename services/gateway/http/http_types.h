#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "services/gateway/filters/error_detail.h"

namespace hadal::gateway {

class CallScope;

/// One HTTP request as the server took it from the wire.
struct HttpRequest {
  std::string method;         ///< "POST"
  std::string path;           ///< without the query, percent-encoding kept
  std::string authorization;  ///< the header's value; empty when absent
  std::string content_type;
  std::string body;
  std::string peer;  ///< "127.0.0.1:4711"
  /// Not OK: the request was understood up to its head, then could not be taken (body too large,
  /// bad chunk, no free worker). It is recorded and answered with this.
  Status fault;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  HttpHeaders headers;
  std::string body;
};

/// Answers one request: Send(), or Start() Write()* then Finish() or Abort(). Called on the one
/// thread that handles the request; the bytes are written by the server's own threads.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  virtual void Send(const HttpResponse& response) = 0;
  /// Begins a streamed answer (chunked). `head.body` is ignored.
  virtual void Start(const HttpResponse& head) = 0;
  /// One piece of it. Waits while too much is unsent; false when the caller is gone.
  virtual bool Write(std::string_view piece) = 0;
  virtual void Finish() = 0;
  /// Ends a streamed answer that cannot be completed: the connection is cut, so that the caller
  /// sees a truncated message, never a complete one.
  virtual void Abort() = 0;
  /// Cancelled when the caller disconnects.
  virtual CallScope& scope() = 0;
};

/// Serves requests, on many threads at once. Must answer through the writer before it returns.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void Handle(const HttpRequest& request, ResponseWriter& writer) = 0;
};

/// "Not Found" for 404; "Unknown" for codes this server does not use.
std::string_view ReasonPhrase(int status);

}  // namespace hadal::gateway
