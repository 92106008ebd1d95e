#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/status.h"

namespace hadal::retrieval {

struct ProgramOptions {
  size_t max_output_bytes = size_t{512} << 20;
  size_t max_line_bytes = size_t{1} << 20;
  absl::Duration time_limit = absl::InfiniteDuration();  ///< wall clock
  std::vector<std::string> env;  ///< NAME=value entries added to the parent's environment
};

struct ProgramResult {
  int wait_status = 0;     ///< see waitpid(2)
  std::string error_text;  ///< beginning of its standard error

  bool succeeded() const { return wait_status == 0; }
};

/// Runs `argv` with `input` on its standard input and hands each line of its output to `on_line`
/// as it comes, without keeping the output. `on_line` returns false to stop early; the program is
/// then killed. RESOURCE_EXHAUSTED beyond the sizes, DEADLINE_EXCEEDED beyond the time; other
/// errors when it cannot be started.
StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv, std::string_view input,
                                   const std::function<bool(std::string_view)>& on_line,
                                   const ProgramOptions& options = {});

/// The same for a program whose output is no text: appends all of it to `output`.
StatusOr<ProgramResult> RunProgramInto(const std::vector<std::string>& argv, std::string_view input,
                                       std::string& output, const ProgramOptions& options = {});

}  // namespace hadal::retrieval
