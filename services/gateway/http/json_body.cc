#include "services/gateway/http/json_body.h"

#include <string>

#include "services/gateway/filters/error_detail.h"

namespace hadal::gateway {

Status CheckJsonContentType(std::string_view content_type) {
  std::string media_type(content_type.substr(0, content_type.find(';')));
  while (!media_type.empty() && media_type.back() == ' ') media_type.pop_back();
  for (char& c : media_type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (media_type.empty() || media_type == "application/json") return OkStatus();
  return WithDetail(InvalidArgument("expected Content-Type application/json"),
                    {.http_status = 415, .code = "unsupported_media_type"});
}

}  // namespace hadal::gateway
