#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/status.h"
#include "hadal/internal/v1/parse.pb.h"

namespace hadal::parser {

struct ParserPoolOptions {
  std::string program;  ///< path of hadal-parser
  int32_t max_processes = 2;
  int32_t max_waiting = 64;                       ///< callers that may wait for a free place
  absl::Duration time_limit = absl::Seconds(60);  ///< wall clock, once started
  int64_t max_file_bytes = int64_t{64} << 20;
  int64_t max_output_bytes = int64_t{64} << 20;
  int64_t memory_bytes = int64_t{1} << 30;  ///< address space of each process
};

/// Runs hadal-parser, one process a file. A file that crashes, hangs or exhausts its process costs
/// that process only and comes back as a rejection: "parser_crashed", "timeout", "memory_limit",
/// "too_large". Thread-safe.
class ParserPool {
 public:
  /// NOT_FOUND or PERMISSION_DENIED when `program` cannot be executed.
  static StatusOr<std::unique_ptr<ParserPool>> Create(const ParserPoolOptions& options);
  virtual ~ParserPool() = default;

  /// Blocks until the file is parsed or given up. `file_name` is a hint and goes into no shell.
  /// RESOURCE_EXHAUSTED when too many callers wait already; UNAVAILABLE when no process can be
  /// started; FAILED_PRECONDITION when the sandbox cannot be set up on this machine.
  virtual StatusOr<internal::v1::ParseOutcome> Parse(std::string_view file_name,
                                                     std::string_view content) = 0;
};

}  // namespace hadal::parser
