#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/status.h"
#include "base/subprocess.h"

namespace hadal::cli {

/// A service process kept alive: its command line is fixed, so a restart listens where it did.
struct SupervisedService {
  std::string name;
  std::vector<std::string> argv;
  std::optional<Subprocess> process;
  absl::Time started;
  int quick_deaths = 0;  ///< in a row; slows restarts down
};

/// Starts services, restarts those that die, stops them in reverse order. They also die with this
/// process (PR_SET_PDEATHSIG). Confined to the main thread.
class Supervisor {
 public:
  Supervisor(std::string data, std::vector<SupervisedService> services);

  Status StartAll();
  /// True while every service runs.
  bool AllAlive();
  /// Restarts what died, until SIGTERM or SIGINT arrives.
  void RunUntilSignal();
  /// SIGTERM, then SIGKILL after `grace`; gateway first, so that nothing new comes in.
  void StopAll(absl::Duration grace);

 private:
  Status Start(SupervisedService& service);
  void RestartDead();

  const std::string data_;
  std::vector<SupervisedService> services_;
};

}  // namespace hadal::cli
