#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::parser {

struct SandboxOptions {
  int64_t cpu_seconds = 60;
  int64_t address_space_bytes = int64_t{1} << 30;  ///< each process; not set under sanitizers
  int64_t file_size_bytes = int64_t{128} << 20;    ///< what it may write, its output included
  int32_t max_processes = 8;
  int32_t max_open_files = 64;
  bool allow_programs = false;  ///< poppler's may be run; without it no file can be opened at all
  bool allow_recognition = false;  ///< tesseract may be run too
};

/// What stands between the process and the machine once CloseSandbox() returned. seccomp and the
/// resource limits are always there; the rest depends on the kernel and on who runs the process.
struct SandboxReport {
  bool network_namespace = false;
  bool file_view = false;  ///< own mount namespace, changed into a root with nothing else in it
  bool landlock = false;
  bool dropped_user = false;         ///< runs as a user id nobody has (only root can do that)
  std::vector<std::string> missing;  ///< why something is not there; for the log

  /// The file system is out of reach by at least one mechanism besides seccomp.
  bool files_isolated() const { return file_view || landlock; }
};

/// Gives up everything this process does not need to turn bytes into text: network, file system,
/// privileges, unlimited memory and time. Cannot be undone and is inherited by programs it starts.
/// FAILED_PRECONDITION when seccomp or a resource limit cannot be installed: do not go on then.
/// Call once, before touching the content, in a process with one thread.
StatusOr<SandboxReport> CloseSandbox(const SandboxOptions& options);

}  // namespace hadal::parser
