#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/file.h"
#include "base/status.h"
#include "hadal/v1/admin.pb.h"
#include "ops/cli/invocation.h"

namespace hadal::cli {

/// Holds DATA/run/up.lock: one supervisor per data folder. FAILED_PRECONDITION when taken.
StatusOr<UniqueFd> LockAppliance(const std::string& data);

/// The pid of the running supervisor; nullopt when none holds the lock.
std::optional<pid_t> RunningSupervisor(const std::string& data);

/// `preferred` when it is free, else any free port of `host`.
StatusOr<int> FreePort(const std::string& host, int preferred);

/// Asks the gateway for the readiness of all services.
StatusOr<v1::GetStatusResponse> QueryStatus(const Invocation& invocation, absl::Duration timeout);

/// Waits until everything is ready, `deadline` passes, or `alive` says no more.
Status AwaitReady(const Invocation& invocation, absl::Time deadline, bool (*alive)(void*),
                  void* context);

/// The last lines of a service's log, for an error message.
std::string LogTail(const std::string& data, const std::string& service);

}  // namespace hadal::cli
