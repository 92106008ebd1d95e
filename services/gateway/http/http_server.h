#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/status.h"
#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

struct HttpsOptions {
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT; port 0: any free one
  std::string certificate_file;        ///< PEM chain
  std::string key_file;
  int32_t io_threads = 2;
  int32_t worker_threads = 64;  ///< requests handled at once
  int32_t worker_queue = 256;   ///< requests waiting for a worker; more are refused with 503
  int32_t max_connections = 1024;
  uint32_t max_header_bytes = 16 << 10;
  uint32_t max_body_bytes = 1 << 20;
  uint32_t max_unsent_bytes = 256 << 10;  ///< of a streamed answer, before its writer waits
  absl::Duration handshake_timeout = absl::Seconds(10);
  absl::Duration idle_timeout = absl::Seconds(75);  ///< between requests
  absl::Duration head_timeout = absl::Seconds(10);  ///< from the first to the last byte of a head
  absl::Duration body_timeout = absl::Seconds(30);
  absl::Duration write_timeout = absl::Seconds(30);    ///< of one piece the peer does not take
  /// For the peer to read a refusal while the rest of what it sends is thrown away.
  absl::Duration linger_timeout = absl::Seconds(2);
  absl::Duration request_timeout = absl::Minutes(10);  ///< from the last byte to the answer's end
};

/// HTTPS (TLS 1.2 and 1.3, HTTP/1.1) on Boost.Asio and Beast. Connections live on the I/O threads;
/// requests are handled on worker threads. Thread-safe.
class HttpsServer {
 public:
  /// `handler` outlives the server. UNAVAILABLE when the address cannot be bound,
  /// FAILED_PRECONDITION when certificate or key cannot be used.
  static StatusOr<std::unique_ptr<HttpsServer>> Start(const HttpsOptions& options,
                                                      HttpHandler* handler);
  ~HttpsServer();

  /// HOST:PORT with the port really bound.
  const std::string& address() const { return address_; }
  /// Takes no more connections, lets running requests end until `grace` is over, then cancels them.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  HttpsServer(std::unique_ptr<Impl> impl, std::string address);
  const std::unique_ptr<Impl> impl_;
  const std::string address_;
};

}  // namespace hadal::gateway
