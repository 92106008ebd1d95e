#include "tests/services/gateway/tls_client.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace hadal::gateway::testing {
namespace {

StatusOr<UniqueFd> ConnectTcp(const std::string& address) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) != 0) {
    return ErrnoStatus("connect", address);
  }
  return fd;
}

}  // namespace

StatusOr<std::unique_ptr<TlsClient>> TlsClient::Connect(const std::string& address,
                                                        const std::string& ca_file) {
  // OpenSSL writes with write(2): a server that has closed must give an error, not a signal.
  static const auto ignored = signal(SIGPIPE, SIG_IGN);
  (void)ignored;
  std::unique_ptr<TlsClient> client(new TlsClient());
  ASSIGN_OR_RETURN(client->socket_, ConnectTcp(address));
  client->context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(client->context_, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(client->context_, ca_file.c_str(), nullptr) != 1) {
    return FailedPrecondition("cannot read {}", ca_file);
  }
  static constexpr unsigned char kProtocols[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(client->context_, kProtocols, sizeof(kProtocols) - 1);
  client->tls_ = SSL_new(client->context_);
  SSL_set_fd(client->tls_, client->socket_.get());
  SSL_set1_host(client->tls_, "localhost");
  if (SSL_connect(client->tls_) != 1) return Unavailable("TLS handshake with {} failed", address);
  const unsigned char* selected = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client->tls_, &selected, &size);
  client->alpn_.assign(reinterpret_cast<const char*>(selected), size);
  return client;
}

TlsClient::~TlsClient() {
  SSL_free(tls_);
  SSL_CTX_free(context_);
}

Status TlsClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const int sent = SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
    if (sent <= 0) return Unavailable("the peer closed while we wrote");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return OkStatus();
}

std::string TlsClient::ReadUntil(std::string_view text, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    if (!text.empty()) {
      const size_t found = pending_.find(text);
      if (found != std::string::npos) {
        const std::string read = pending_.substr(0, found + text.size());
        pending_.erase(0, read.size());
        return read;
      }
    }
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd poll_fd{socket_.get(), POLLIN, 0};
    if (SSL_pending(tls_) == 0 && (left <= 0 || poll(&poll_fd, 1, static_cast<int>(left)) <= 0)) {
      break;
    }
    char buffer[16384];
    const int size = SSL_read(tls_, buffer, sizeof(buffer));
    if (size <= 0) {
      closed_ = true;
      break;
    }
    pending_.append(buffer, static_cast<size_t>(size));
  }
  return std::exchange(pending_, std::string());
}

void TlsClient::Cut() {
  const linger reset{1, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  socket_.Reset();
}

}  // namespace hadal::gateway::testing
