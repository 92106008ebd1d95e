#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "services/gateway/http/http_exchange.h"
#include "services/gateway/http/http_server.h"
#include "services/gateway/http/request_head.h"
#include "services/gateway/http/worker_pool.h"

namespace hadal::gateway {

/// What the sessions of one server share; outlives them.
struct SessionEnvironment {
  HttpsOptions options;
  HttpHandler* handler = nullptr;
  WorkerPool* workers = nullptr;
  /// Records and answers what the workers have no room for, so that a refusal is audited too.
  WorkerPool* overflow = nullptr;
};

/// One connection: TLS handshake, then requests one after another. While a request is handled it
/// keeps reading, which is how a caller that goes away is noticed. Confined to its strand, but for
/// Start(), Drain() and ForceClose(). Included by http/http_server.cc and http/http_session.cc
/// only.
class HttpSession final : public ExchangeOwner, public std::enable_shared_from_this<HttpSession> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  HttpSession(Socket socket, boost::asio::ssl::context& tls, SessionEnvironment& environment,
              std::function<void()> on_destroyed);
  ~HttpSession() override;

  void Start();
  /// Closes now when idle, after the running request otherwise. Any thread.
  void Drain();
  /// Any thread.
  void ForceClose();

  // ExchangeOwner, any thread:
  void Post(std::string bytes) override;
  void PostEnd() override;
  void PostAbort() override;

 private:
  using Error = boost::system::error_code;
  using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  enum class State { kHandshake, kHead, kBody, kHandling, kLinger, kClosed };

  void Arm(absl::Duration duration);
  void Disarm();
  void OnDeadline();
  void Read();
  void OnRead(const Error& error, size_t size);
  void Process();
  void ProcessHead();
  void ProcessBody();
  void Dispatch(Status fault);
  void RefuseHead(const Status& status);
  void Enqueue(std::string bytes);
  void WriteNext();
  void OnWritten(const Error& error);
  void RequestDone();
  void NextRequest();
  void ShutdownTls();
  void Close();

  SessionEnvironment& environment_;
  const HttpsOptions& options_;
  const std::function<void()> on_destroyed_;
  boost::asio::ssl::stream<Socket> stream_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer write_deadline_;
  const std::string peer_;

  State state_ = State::kHandshake;
  uint64_t deadline_round_ = 0;  // an expiry of an older round is void
  uint64_t write_round_ = 0;
  // A read is under way while what came before is taken out of buffer_, which moves its end: so
  // bytes arrive in a place of their own.
  std::array<char, 8 << 10> incoming_;
  boost::beast::flat_buffer buffer_;
  bool reading_ = false;
  size_t scanned_ = 0;  // bytes of the head searched for its end
  bool head_started_ = false;
  ParsedHead head_;
  std::optional<RequestParser> parser_;
  bool keep_alive_ = true;
  bool draining_ = false;
  bool faulty_ = false;  // the rest of the input is thrown away after the answer
  std::deque<std::string> outgoing_;
  bool writing_ = false;
  bool ending_ = false;    // the answer is complete once outgoing_ is written
  bool aborting_ = false;  // the connection is cut once outgoing_ is written
  std::shared_ptr<HttpExchange> exchange_;
};

}  // namespace hadal::gateway
