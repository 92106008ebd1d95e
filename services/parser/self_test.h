#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::parser {

struct SelfTestResult {
  std::string attempt;  ///< "open a socket"
  bool blocked = false;
  std::string how;  ///< "Operation not permitted", "killed by signal 31 (Bad system call)"
};

/// Closes the sandbox in child processes and tries in each what a hijacked parser would try.
/// INTERNAL when a child cannot be run. Used by `hadal-parser --self-test`.
StatusOr<std::vector<SelfTestResult>> RunSelfTest(bool allow_programs);

}  // namespace hadal::parser
