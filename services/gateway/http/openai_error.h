#pragma once

#include <string>

#include "base/status.h"
#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

/// HTTP status of an error: what its detail names, else what its code stands for.
int HttpStatusOf(const Status& status);

/// {"error": {"message", "type", "param", "code"}} as the OpenAI API words it.
std::string ErrorBody(const Status& status);

/// The whole answer for an error, with x-request-id where `request_id` is not empty.
HttpResponse ErrorResponse(const Status& status, const std::string& request_id);

}  // namespace hadal::gateway
