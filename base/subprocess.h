#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal {

struct SubprocessOptions {
  std::vector<std::string> argv;  ///< argv[0] is the program; searched on PATH when it has no slash
  std::vector<std::string> env;   ///< NAME=value entries added to the parent's environment
  int stdin_fd = -1;              ///< -1: /dev/null
  int stdout_fd = -1;             ///< -1: inherited
  int stderr_fd = -1;             ///< -1: inherited
  bool new_session = false;       ///< setsid(): survives the parent's terminal
  bool die_with_parent = false;   ///< SIGKILL when the starting thread ends
};

/// A child process. Killed (SIGKILL) and reaped in the destructor unless Detach() was called.
/// Thread-compatible.
class Subprocess {
 public:
  static StatusOr<Subprocess> Start(const SubprocessOptions& options);
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&&) = delete;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  /// The wait status (see waitpid(2)) once it ended, nullopt when it still runs at `deadline`.
  std::optional<int> Wait(absl::Time deadline = absl::InfiniteFuture());
  void Signal(int signal_number);
  /// Leaves the process running.
  void Detach() { detached_ = true; }

 private:
  explicit Subprocess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  bool detached_ = false;
  std::optional<int> wait_status_;
};

/// "exit status 3" or "signal 9 (Killed)".
std::string DescribeWaitStatus(int wait_status);

}  // namespace hadal
