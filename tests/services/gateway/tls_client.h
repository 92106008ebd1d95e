#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/file.h"
#include "base/status.h"

struct ssl_ctx_st;
struct ssl_st;

namespace hadal::gateway::testing {

/// A blocking TLS connection that sends exactly the bytes it is told to. Thread-compatible.
class TlsClient {
 public:
  /// `address`: 127.0.0.1:PORT. The server's certificate must chain to `ca_file`.
  static StatusOr<std::unique_ptr<TlsClient>> Connect(const std::string& address,
                                                      const std::string& ca_file);
  ~TlsClient();

  Status Send(std::string_view bytes);
  /// What comes until `text` is seen, the peer closes, or `timeout` is over.
  std::string ReadUntil(std::string_view text, absl::Duration timeout = absl::Seconds(10));
  std::string ReadToEnd(absl::Duration timeout = absl::Seconds(10)) {
    return ReadUntil("", timeout);
  }
  /// The peer closed during the last read.
  bool closed() const { return closed_; }
  /// Cuts the connection without a word.
  void Cut();
  const std::string& alpn() const { return alpn_; }

 private:
  TlsClient() = default;
  UniqueFd socket_;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* tls_ = nullptr;
  std::string pending_;
  std::string alpn_;
  bool closed_ = false;
};

}  // namespace hadal::gateway::testing
