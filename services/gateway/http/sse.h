#pragma once

#include <string>
#include <string_view>

#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

/// One server-sent event (WHATWG HTML §9.2): every line of `data` as a data field, then an empty
/// line.
std::string SseEvent(std::string_view data);

/// The head of an event stream.
HttpResponse SseHead(const std::string& request_id);

inline constexpr std::string_view kSseDone = "[DONE]";

}  // namespace hadal::gateway
