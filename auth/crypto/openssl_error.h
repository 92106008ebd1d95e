#pragma once

#include <string_view>

#include "base/status.h"

namespace hadal::auth {

/// "what: <OpenSSL's oldest queued error>"; empties this thread's error queue.
Status OpensslError(StatusCode code, std::string_view what);

}  // namespace hadal::auth
