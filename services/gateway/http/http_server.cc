#include "services/gateway/http/http_server.h"

#include <openssl/ssl.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <future>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "services/gateway/http/http_session.h"

namespace hadal::gateway {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

constexpr size_t kOverflowQueue = 64;
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

// Without this a client that offers h2 first could end up speaking it to us.
int SelectHttp11(SSL*, const unsigned char** out, unsigned char* out_size,
                 const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kHttp11, sizeof(kHttp11), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

Status ConfigureTls(const HttpsOptions& options, net::ssl::context& tls) {
  error_code error;
  tls.set_options(net::ssl::context::default_workarounds | net::ssl::context::no_compression |
                      SSL_OP_NO_RENEGOTIATION,
                  error);
  if (!error) tls.use_certificate_chain_file(options.certificate_file, error);
  if (error) {
    return FailedPrecondition("cannot use the certificate {}: {}", options.certificate_file,
                              error.message());
  }
  tls.use_private_key_file(options.key_file, net::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls.native_handle()) != 1) {
    return FailedPrecondition("cannot use the key {} with the certificate {}: {}", options.key_file,
                              options.certificate_file, error ? error.message() : "they differ");
  }
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(tls.native_handle(), &SelectHttp11, nullptr);
  return OkStatus();
}

StatusOr<tcp::endpoint> ParseListen(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  error_code error;
  std::string host = listen.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host == "localhost") host = "127.0.0.1";
  const net::ip::address address = net::ip::make_address(host, error);
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  const bool numeric = !port.empty() && port.size() <= 5 &&
                       port.find_first_not_of("0123456789") == std::string::npos;
  if (error || !numeric || std::stoi(port) > 65535) {
    return InvalidArgument("'{}' is no address to listen on; expected IP:PORT", listen);
  }
  return tcp::endpoint(address, static_cast<uint16_t>(std::stoi(port)));
}

}  // namespace

class HttpsServer::Impl {
 public:
  Impl(const HttpsOptions& options, HttpHandler* handler)
      : workers_(options.worker_threads, static_cast<size_t>(options.worker_queue)),
        overflow_(1, kOverflowQueue),
        tls_(net::ssl::context::tls_server),
        acceptor_(net::make_strand(io_)),
        accept_pause_(acceptor_.get_executor()) {
    environment_.options = options;
    environment_.handler = handler;
    environment_.workers = &workers_;
    environment_.overflow = &overflow_;
  }

  StatusOr<std::string> Listen() {
    const std::string& listen = environment_.options.listen;
    RETURN_IF_ERROR(ConfigureTls(environment_.options, tls_));
    ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseListen(listen));
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) {
      return Unavailable("cannot listen on {}: {}; choose another address", listen,
                         error.message());
    }
    return fmt::format("{}:{}", listen.substr(0, listen.rfind(':')),
                       acceptor_.local_endpoint(error).port());
  }

  void Run() {
    net::post(acceptor_.get_executor(), [this] { Accept(); });
    for (int i = 0; i < environment_.options.io_threads; ++i) {
      threads_.emplace_back([this] { io_.run(); });
    }
  }

  void Shutdown(absl::Duration grace) {
    {
      absl::MutexLock lock(&mu_);
      if (std::exchange(stopped_, true)) return;
    }
    std::promise<void> closed;
    net::post(acceptor_.get_executor(), [this, &closed] {
      error_code ignored;
      acceptor_.close(ignored);
      accept_pause_.cancel();
      closed.set_value();
    });
    closed.get_future().wait();
    ForEachSession([](HttpSession& session) { session.Drain(); });
    AwaitNoSession(grace);
    ForEachSession([](HttpSession& session) { session.ForceClose(); });
    // Handlers of cancelled requests end soon; their last posts need the I/O threads.
    workers_.Stop();
    overflow_.Stop();
    AwaitNoSession(absl::Seconds(1));
    work_.reset();
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Accept() {
    acceptor_.async_accept(net::make_strand(io_),
                           [this](const error_code& error, tcp::socket socket) {
                             if (!acceptor_.is_open()) return;
                             if (error) return PauseAccept();
                             Admit(std::move(socket));
                             Accept();
                           });
  }

  // Out of file descriptors: trying again at once would only spin.
  void PauseAccept() {
    accept_pause_.expires_after(absl::ToChronoMilliseconds(kAcceptPause));
    accept_pause_.async_wait([this](const error_code& error) {
      if (!error && acceptor_.is_open()) Accept();
    });
  }

  void Admit(tcp::socket socket) {
    std::shared_ptr<HttpSession> session;
    {
      absl::MutexLock lock(&mu_);
      const auto limit = static_cast<size_t>(environment_.options.max_connections);
      if (stopped_ || sessions_.size() >= limit) return;  // the socket closes
      const int64_t id = next_id_++;
      session = std::make_shared<HttpSession>(std::move(socket), tls_, environment_,
                                              [this, id] { Forget(id); });
      sessions_.emplace(id, session);
    }
    session->Start();
  }

  void Forget(int64_t id) {
    absl::MutexLock lock(&mu_);
    sessions_.erase(id);
  }

  template <typename Function>
  void ForEachSession(Function function) {
    // A session may die on this thread when released: not under the lock.
    std::vector<std::shared_ptr<HttpSession>> alive;
    {
      absl::MutexLock lock(&mu_);
      for (const auto& [id, weak] : sessions_) {
        if (auto session = weak.lock()) alive.push_back(std::move(session));
      }
    }
    for (const auto& session : alive) function(*session);
  }

  void AwaitNoSession(absl::Duration timeout) {
    absl::MutexLock lock(&mu_);
    const auto none = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return sessions_.empty(); };
    mu_.AwaitWithTimeout(absl::Condition(&none), timeout);
  }

  SessionEnvironment environment_;
  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int64_t, std::weak_ptr<HttpSession>> sessions_ ABSL_GUARDED_BY(mu_);

  WorkerPool workers_;
  WorkerPool overflow_;
  net::ssl::context tls_;
  // After what pending handlers refer to: they are destroyed with the io_context.
  net::io_context io_;
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_;
  net::steady_timer accept_pause_;
  std::vector<std::thread> threads_;
};

StatusOr<std::unique_ptr<HttpsServer>> HttpsServer::Start(const HttpsOptions& options,
                                                          HttpHandler* handler) {
  auto impl = std::make_unique<Impl>(options, handler);
  StatusOr<std::string> address = impl->Listen();
  if (!address.ok()) return address.status();
  impl->Run();
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(impl), *std::move(address)));
}

HttpsServer::HttpsServer(std::unique_ptr<Impl> impl, std::string address)
    : impl_(std::move(impl)), address_(std::move(address)) {}
HttpsServer::~HttpsServer() { Shutdown(absl::ZeroDuration()); }
void HttpsServer::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

}  // namespace hadal::gateway
