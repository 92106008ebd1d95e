#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/status.h"
#include "hadal/internal/v1/parse.pb.h"

namespace hadal::parser {

/// Reading scans and pictures takes seconds a page. It has places of its own, so that scans keep no
/// other file waiting, and a time of its own, so that a long scan is no hang.
struct RecognitionOptions {
  int32_t max_processes = 1;                           ///< 0: scans are refused as "no_text_layer"
  int32_t max_pages = 500;                             ///< of one file
  absl::Duration page_time = absl::Seconds(60);        ///< for one attempt at one page
  absl::Duration file_time_limit = absl::Minutes(30);  ///< wall clock, once started
};

struct ParserPoolOptions {
  std::string program;  ///< path of hadal-parser
  int32_t max_processes = 2;
  int32_t max_waiting = 64;                       ///< callers that may wait for a free place
  absl::Duration time_limit = absl::Seconds(60);  ///< wall clock, once started
  int64_t max_file_bytes = int64_t{64} << 20;
  int64_t max_output_bytes = int64_t{64} << 20;
  int64_t memory_bytes = int64_t{1} << 30;  ///< address space of each process
  RecognitionOptions recognition;
};

/// Runs hadal-parser, one process a file. A file that crashes, hangs or exhausts its process costs
/// that process only and comes back as a rejection: "parser_crashed", "timeout", "memory_limit",
/// "too_large". A file with pages that only text recognition can read is parsed twice: a second
/// time, with recognition, in a place for that. Thread-safe.
class ParserPool {
 public:
  /// NOT_FOUND or PERMISSION_DENIED when `program` cannot be executed.
  static StatusOr<std::unique_ptr<ParserPool>> Create(const ParserPoolOptions& options);
  virtual ~ParserPool() = default;

  /// Blocks until the file is parsed or given up, a scan for many minutes. `file_name` is a hint
  /// and goes into no shell. RESOURCE_EXHAUSTED when too many callers wait already; UNAVAILABLE
  /// when no process can be started; FAILED_PRECONDITION when the sandbox cannot be set up on this
  /// machine.
  virtual StatusOr<internal::v1::ParseOutcome> Parse(std::string_view file_name,
                                                     std::string_view content) = 0;
};

}  // namespace hadal::parser
