#include "services/gateway/http/http_session.h"

#include <openssl/ssl.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "services/gateway/http/openai_error.h"

namespace hadal::gateway {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;

constexpr absl::Duration kTlsShutdownTime = absl::Seconds(1);
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string NameOfPeer(const HttpSession::Socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  return fmt::format("{}:{}", endpoint.address().to_string(error), endpoint.port());
}

std::string_view View(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.cdata().data()), buffer.cdata().size()};
}

Status FaultOf(const boost::system::error_code& error) {
  if (error == http::error::body_limit) {
    return WithDetail(InvalidArgument("the request body is too large"),
                      {.http_status = 413, .code = "request_too_large"});
  }
  return WithDetail(InvalidArgument("the request body is badly framed: {}", error.message()),
                    {.http_status = 400, .code = "bad_request"});
}

}  // namespace

HttpSession::HttpSession(Socket socket, net::ssl::context& tls, SessionEnvironment& environment,
                         std::function<void()> on_destroyed)
    : environment_(environment),
      options_(environment.options),
      on_destroyed_(std::move(on_destroyed)),
      stream_(std::move(socket), tls),
      deadline_(stream_.get_executor()),
      write_deadline_(stream_.get_executor()),
      peer_(NameOfPeer(stream_.next_layer())),
      buffer_(options_.max_header_bytes + incoming_.size()) {}

HttpSession::~HttpSession() { on_destroyed_(); }

void HttpSession::Start() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->stream_.next_layer().set_option(net::ip::tcp::no_delay(true), ignored);
    self->Arm(self->options_.handshake_timeout);
    self->stream_.async_handshake(net::ssl::stream_base::server, [self](const Error& error) {
      if (error || self->state_ == State::kClosed) return self->Close();
      self->NextRequest();
    });
  });
}

void HttpSession::Drain() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    self->draining_ = true;
    self->keep_alive_ = false;
    if (self->state_ == State::kHead || self->state_ == State::kHandshake) self->Close();
  });
}

void HttpSession::ForceClose() {
  net::post(stream_.get_executor(), [self = shared_from_this()] { self->Close(); });
}

void HttpSession::Post(std::string bytes) {
  net::post(stream_.get_executor(),
            [self = shared_from_this(), bytes = std::move(bytes)]() mutable {
              self->Enqueue(std::move(bytes));
            });
}

void HttpSession::PostEnd() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    self->ending_ = true;
    if (!self->writing_ && self->state_ == State::kHandling) self->RequestDone();
  });
}

void HttpSession::PostAbort() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    self->aborting_ = true;
    if (!self->writing_) self->Close();
  });
}

void HttpSession::Arm(absl::Duration duration) {
  const uint64_t round = ++deadline_round_;
  deadline_.expires_after(absl::ToChronoMilliseconds(duration));
  deadline_.async_wait([self = shared_from_this(), round](const Error& error) {
    if (!error && round == self->deadline_round_) self->OnDeadline();
  });
}

void HttpSession::Disarm() {
  ++deadline_round_;
  deadline_.cancel();
}

void HttpSession::OnDeadline() {
  if (state_ != State::kBody) return Close();
  Dispatch(WithDetail(DeadlineExceeded("the request body did not arrive within {}",
                                       absl::FormatDuration(options_.body_timeout)),
                      {.http_status = 408, .code = "request_timeout"}));
}

void HttpSession::Read() {
  if (reading_ || state_ == State::kClosed) return;
  // A pipelined request waits here; with this much of it the peer can wait too.
  if (state_ == State::kHandling && buffer_.size() >= options_.max_header_bytes) return;
  const size_t room = std::min(incoming_.size(), buffer_.max_size() - buffer_.size());
  if (room == 0) {
    // The parser consumes body bytes, so this is a chunk line or trailer without an end.
    return Dispatch(FaultOf(http::make_error_code(http::error::buffer_overflow)));
  }
  reading_ = true;
  stream_.async_read_some(
      net::buffer(incoming_, room),
      [self = shared_from_this()](const Error& error, size_t size) { self->OnRead(error, size); });
}

void HttpSession::OnRead(const Error& error, size_t size) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) return Close();
  buffer_.commit(net::buffer_copy(buffer_.prepare(size), net::buffer(incoming_, size)));
  Process();
}

void HttpSession::Process() {
  switch (state_) {
    case State::kHead:
      return ProcessHead();
    case State::kBody:
      return ProcessBody();
    case State::kHandling:
      return Read();
    case State::kLinger:
      buffer_.consume(buffer_.size());
      return Read();
    case State::kHandshake:
    case State::kClosed:
      return;
  }
}

void HttpSession::ProcessHead() {
  const std::string_view bytes = View(buffer_);
  if (bytes.empty()) return Read();
  if (!head_started_) {
    head_started_ = true;
    Arm(options_.head_timeout);
  }
  const size_t end = bytes.find(kHeadEnd, scanned_ < 3 ? 0 : scanned_ - 3);
  scanned_ = bytes.size();
  const bool too_large = end == std::string_view::npos
                             ? bytes.size() >= options_.max_header_bytes
                             : end + kHeadEnd.size() > options_.max_header_bytes;
  if (too_large) {
    return RefuseHead(WithDetail(
        InvalidArgument("the request head has more than {} bytes", options_.max_header_bytes),
        {.http_status = 431, .code = "bad_request"}));
  }
  if (end == std::string_view::npos) return Read();
  StatusOr<ParsedHead> head = ParseRequestHead(bytes.substr(0, end + kHeadEnd.size()));
  if (!head.ok()) return RefuseHead(head.status());
  head_ = *std::move(head);
  // No route serves HEAD, and a client does not read the error's body as one: the connection ends.
  keep_alive_ = head_.keep_alive && !draining_ && head_.method != "HEAD";
  if (head_.content_length.value_or(0) > options_.max_body_bytes) {
    return Dispatch(
        WithDetail(InvalidArgument("the request body has {} bytes, at most {} are taken",
                                   *head_.content_length, options_.max_body_bytes),
                   {.http_status = 413, .code = "request_too_large"}));
  }
  parser_.emplace();
  parser_->eager(true);
  parser_->header_limit(options_.max_header_bytes);
  parser_->body_limit(options_.max_body_bytes);
  state_ = State::kBody;
  Arm(options_.body_timeout);
  ProcessBody();
}

void HttpSession::ProcessBody() {
  while (!parser_->is_done()) {
    // put() takes an empty buffer for zero bytes of body and asks for nothing: never give it one.
    Error error = http::error::need_more;
    if (buffer_.size() > 0) buffer_.consume(parser_->put(buffer_.data(), error));
    if (error == http::error::need_more) {
      if (std::exchange(head_.expect_continue, false)) Enqueue("HTTP/1.1 100 Continue\r\n\r\n");
      return Read();
    }
    if (error) return Dispatch(FaultOf(error));
  }
  Dispatch(OkStatus());
}

void HttpSession::Dispatch(Status fault) {
  Disarm();
  state_ = State::kHandling;
  ending_ = false;
  faulty_ = !fault.ok();
  if (faulty_) keep_alive_ = false;
  auto request = std::make_shared<HttpRequest>();
  request->method = head_.method;
  request->path = head_.path;
  request->authorization = head_.authorization;
  request->content_type = head_.content_type;
  request->peer = peer_;
  request->fault = std::move(fault);
  if (parser_.has_value() && parser_->is_done()) request->body = std::move(parser_->get().body());
  parser_.reset();
  exchange_ =
      std::make_shared<HttpExchange>(shared_from_this(), absl::Now() + options_.request_timeout,
                                     options_.max_unsent_bytes, keep_alive_);
  const auto task = [handler = environment_.handler, request, exchange = exchange_] {
    handler->Handle(*request, *exchange);
    exchange->EnsureEnded();
  };
  if (!environment_.workers->TrySubmit(task)) {
    if (request->fault.ok()) {
      request->fault = WithDetail(Unavailable("all workers of the gateway are busy; try again"),
                                  {.http_status = 503, .code = "overloaded"});
    }
    // Without room to record a refusal there is no answer at all.
    if (!environment_.overflow->TrySubmit(task)) return Close();
  }
  Read();
}

void HttpSession::RefuseHead(const Status& status) {
  Disarm();
  state_ = State::kHandling;
  keep_alive_ = false;
  faulty_ = true;
  ending_ = true;
  const HttpResponse response = ErrorResponse(status, "");
  Enqueue(FormatHead(response, static_cast<int64_t>(response.body.size()), false) + response.body);
}

void HttpSession::Enqueue(std::string bytes) {
  if (state_ == State::kClosed) return;
  outgoing_.push_back(std::move(bytes));
  if (!writing_) WriteNext();
}

void HttpSession::WriteNext() {
  writing_ = true;
  const uint64_t round = ++write_round_;
  write_deadline_.expires_after(absl::ToChronoMilliseconds(options_.write_timeout));
  write_deadline_.async_wait([self = shared_from_this(), round](const Error& error) {
    if (!error && round == self->write_round_) self->Close();
  });
  net::async_write(
      stream_, net::buffer(outgoing_.front()),
      [self = shared_from_this()](const Error& error, size_t) { self->OnWritten(error); });
}

void HttpSession::OnWritten(const Error& error) {
  writing_ = false;
  ++write_round_;
  write_deadline_.cancel();
  if (state_ == State::kClosed) return;
  if (error) return Close();
  if (exchange_ != nullptr) exchange_->OnWritten(outgoing_.front().size());
  outgoing_.pop_front();
  if (!outgoing_.empty()) return WriteNext();
  if (aborting_) return Close();
  if (ending_ && state_ == State::kHandling) RequestDone();
}

void HttpSession::RequestDone() {
  exchange_.reset();
  ending_ = false;
  if (keep_alive_ && !draining_) return NextRequest();
  if (!faulty_) return ShutdownTls();
  // Closing with unread input would reset the connection before the peer reads the answer.
  state_ = State::kLinger;
  Arm(options_.linger_timeout);
  Process();
}

void HttpSession::NextRequest() {
  state_ = State::kHead;
  head_started_ = false;
  scanned_ = 0;
  Arm(options_.idle_timeout);
  Process();
}

void HttpSession::ShutdownTls() {
  state_ = State::kLinger;
  Arm(kTlsShutdownTime);
  stream_.async_shutdown([self = shared_from_this()](const Error&) { self->Close(); });
}

void HttpSession::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Disarm();
  ++write_round_;
  write_deadline_.cancel();
  Error ignored;
  stream_.lowest_layer().close(ignored);
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->OnPeerGone();
}

}  // namespace hadal::gateway
