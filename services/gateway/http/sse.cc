#include "services/gateway/http/sse.h"

namespace hadal::gateway {

std::string SseEvent(std::string_view data) {
  std::string event;
  while (true) {
    // A lone CR ends a line of an event stream too.
    const size_t end = data.find_first_of("\r\n");
    event += fmt::format("data: {}\n", data.substr(0, end));
    if (end == std::string_view::npos) break;
    const bool crlf = data.substr(end, 2) == "\r\n";
    data.remove_prefix(end + (crlf ? 2 : 1));
  }
  return event + "\n";
}

HttpResponse SseHead(const std::string& request_id) {
  HttpResponse head;
  head.content_type = "text/event-stream; charset=utf-8";
  head.headers.emplace_back("x-request-id", request_id);
  return head;
}

}  // namespace hadal::gateway
