#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

/// Error vocabulary of the whole project: absl::Status with gRPC's codes. A message says what was
/// expected, what was found and what to do. Nothing throws across a public header.
namespace hadal {

using absl::OkStatus;
using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

/// Builds a Status; Debian's absl::string_view is not std::string_view, hence this one seam.
Status MakeStatus(StatusCode code, std::string_view message);

/// The same status with `context` put before its message: "context: message".
Status Annotate(const Status& status, std::string_view context);

/// The message as std::string (empty when OK).
std::string StatusMessage(const Status& status);

#define HADAL_STATUS_FACTORY(Name, code)                                       \
  template <typename... Args>                                                  \
  Status Name(fmt::format_string<Args...> format, Args&&... args) {            \
    return MakeStatus(code, fmt::format(format, std::forward<Args>(args)...)); \
  }
HADAL_STATUS_FACTORY(InvalidArgument, StatusCode::kInvalidArgument)
HADAL_STATUS_FACTORY(NotFound, StatusCode::kNotFound)
HADAL_STATUS_FACTORY(AlreadyExists, StatusCode::kAlreadyExists)
HADAL_STATUS_FACTORY(PermissionDenied, StatusCode::kPermissionDenied)
HADAL_STATUS_FACTORY(Unauthenticated, StatusCode::kUnauthenticated)
HADAL_STATUS_FACTORY(ResourceExhausted, StatusCode::kResourceExhausted)
HADAL_STATUS_FACTORY(FailedPrecondition, StatusCode::kFailedPrecondition)
HADAL_STATUS_FACTORY(OutOfRange, StatusCode::kOutOfRange)
HADAL_STATUS_FACTORY(Unavailable, StatusCode::kUnavailable)
HADAL_STATUS_FACTORY(DataLoss, StatusCode::kDataLoss)
HADAL_STATUS_FACTORY(Cancelled, StatusCode::kCancelled)
HADAL_STATUS_FACTORY(DeadlineExceeded, StatusCode::kDeadlineExceeded)
HADAL_STATUS_FACTORY(Unimplemented, StatusCode::kUnimplemented)
HADAL_STATUS_FACTORY(Internal, StatusCode::kInternal)
#undef HADAL_STATUS_FACTORY

}  // namespace hadal

#define HADAL_CONCAT_INNER(a, b) a##b
#define HADAL_CONCAT(a, b) HADAL_CONCAT_INNER(a, b)

/// RETURN_IF_ERROR(expr): leaves the function with expr's status unless it is OK.
#define RETURN_IF_ERROR(expr)                                                              \
  do {                                                                                     \
    if (::hadal::Status hadal_status_ = (expr); !hadal_status_.ok()) return hadal_status_; \
  } while (0)

/// ASSIGN_OR_RETURN(auto x, expr): x is expr's value, or the function returns its status.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(HADAL_CONCAT(hadal_statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr)    \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)
