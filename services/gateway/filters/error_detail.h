#pragma once

#include <string>

#include "base/status.h"

namespace hadal::gateway {

/// A Status that names the HTTP answer it stands for, and the parameter and code of the OpenAI
/// error object. Empty fields are left to the defaults of the status code.
struct ErrorDetail {
  int http_status = 0;
  std::string param;
  std::string code;
};
Status WithDetail(Status status, const ErrorDetail& detail);
ErrorDetail DetailOf(const Status& status);

}  // namespace hadal::gateway
