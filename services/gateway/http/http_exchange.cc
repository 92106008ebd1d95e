#include "services/gateway/http/http_exchange.h"

#include <utility>

#include "base/check.h"

namespace hadal::gateway {

std::string FormatHead(const HttpResponse& response, int64_t content_length, bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonPhrase(response.status));
  head += fmt::format("Content-Type: {}\r\nCache-Control: no-store\r\n", response.content_type);
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (content_length < 0) {
    head += "Transfer-Encoding: chunked\r\n";
  } else {
    head += fmt::format("Content-Length: {}\r\n", content_length);
  }
  if (!keep_alive) head += "Connection: close\r\n";
  return head + "\r\n";
}

void HttpExchange::Send(const HttpResponse& response) {
  CHECK(!ended_);
  ended_ = true;
  const auto length = static_cast<int64_t>(response.body.size());
  if (PostBounded(FormatHead(response, length, keep_alive_) + response.body)) owner_->PostEnd();
}

void HttpExchange::Start(const HttpResponse& head) {
  CHECK(!ended_);
  PostBounded(FormatHead(head, -1, keep_alive_));
}

bool HttpExchange::Write(std::string_view piece) {
  CHECK(!ended_);
  if (piece.empty()) return !scope_.cancelled();  // an empty chunk would end the answer
  return PostBounded(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
}

void HttpExchange::Finish() {
  CHECK(!ended_);
  ended_ = true;
  if (PostBounded("0\r\n\r\n")) owner_->PostEnd();
}

void HttpExchange::Abort() {
  ended_ = true;
  owner_->PostAbort();
}

void HttpExchange::EnsureEnded() {
  if (!ended_) Abort();
}

bool HttpExchange::PostBounded(std::string bytes) {
  {
    absl::MutexLock lock(&mu_);
    const auto has_room = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return gone_ || unsent_bytes_ < max_unsent_bytes_;
    };
    // The connection cuts itself when its peer takes nothing for write_timeout, which ends this
    // wait.
    mu_.Await(absl::Condition(&has_room));
    if (gone_) return false;
    unsent_bytes_ += bytes.size();
  }
  owner_->Post(std::move(bytes));
  return true;
}

void HttpExchange::OnWritten(size_t size) {
  absl::MutexLock lock(&mu_);
  unsent_bytes_ -= std::min(size, unsent_bytes_);
}

void HttpExchange::OnPeerGone() {
  {
    absl::MutexLock lock(&mu_);
    gone_ = true;
  }
  scope_.Cancel();
}

}  // namespace hadal::gateway
