#include "base/status.h"

namespace hadal {

Status MakeStatus(StatusCode code, std::string_view message) {
  return Status(code, absl::string_view(message.data(), message.size()));
}

Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return MakeStatus(status.code(), fmt::format("{}: {}", context, StatusMessage(status)));
}

std::string StatusMessage(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace hadal
