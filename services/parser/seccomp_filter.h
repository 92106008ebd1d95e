#pragma once

#include "base/status.h"

namespace hadal::parser {

/// Installs the system call allow-list of hadal-parser for this process and its children. Anything
/// not on it fails with EPERM; calls that no library tries by itself (sockets, ptrace, mounts,
/// kernel modules …) end the process with SIGSYS, so that an attack is told from a clumsy probe.
/// `allow_programs` adds what starting pdftotext takes: fork, execve, files opened for reading.
/// FAILED_PRECONDITION when the kernel refuses.
Status InstallSeccompFilter(bool allow_programs);

}  // namespace hadal::parser
