#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

struct ProgramLimits {
  size_t max_output_bytes = size_t{512} << 20;
  size_t max_line_bytes = size_t{1} << 20;
};

struct ProgramResult {
  int wait_status = 0;     ///< see waitpid(2)
  std::string error_text;  ///< beginning of its standard error
};

/// Runs `argv` with `input` on its standard input and hands each line of its output to `on_line`
/// as it comes, without keeping the output. `on_line` returns false to stop early; the program is
/// then killed. RESOURCE_EXHAUSTED beyond the limits; other errors when it cannot be started.
StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv, std::string_view input,
                                   const std::function<bool(std::string_view)>& on_line,
                                   const ProgramLimits& limits = {});

}  // namespace hadal::retrieval
