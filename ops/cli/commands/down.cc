#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/time/clock.h"
#include "ops/cli/appliance.h"
#include "ops/cli/invocation.h"

namespace hadal::cli {
namespace {

Status RunDown(const Invocation& invocation, int timeout_s) {
  const std::optional<pid_t> pid = RunningSupervisor(invocation.data);
  if (!pid.has_value()) {
    std::printf("not running  %s\n", invocation.data.c_str());
    return OkStatus();
  }
  if (::kill(*pid, SIGTERM) != 0) {
    return ErrnoStatus("cannot stop process", std::to_string(*pid));
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(timeout_s);
  while (RunningSupervisor(invocation.data) == pid) {
    if (absl::Now() >= deadline) {
      return DeadlineExceeded("process {} did not stop within {} s", *pid, timeout_s);
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
  std::printf("stopped  %s\n", invocation.data.c_str());
  return OkStatus();
}

}  // namespace

void AddDown(CLI::App& app, Invocation& invocation) {
  auto timeout_s = std::make_shared<int>(30);
  CLI::App* down = app.add_subcommand("down", "Stop the appliance; running answers may end first");
  down->add_option("--timeout", *timeout_s, "Seconds to wait")->capture_default_str();
  down->footer("Example:\n  hadal down --data /srv/hadal");
  down->callback([&invocation, timeout_s] {
    invocation.run = [&invocation, timeout_s] { return RunDown(invocation, *timeout_s); };
  });
}

}  // namespace hadal::cli
