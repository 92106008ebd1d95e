#pragma once

#include <cstdint>
#include <string>

namespace hadal::parser {

struct ParseProcessOptions {
  std::string file_name;  ///< hint only
  int64_t max_file_bytes = int64_t{64} << 20;
  int64_t max_output_bytes = int64_t{64} << 20;
  int64_t memory_bytes = int64_t{1} << 30;
  int64_t cpu_seconds = 60;
  bool recognize = false;
  int32_t max_recognized_pages = 500;
  int64_t page_seconds = 60;
};

/// Reads a file from descriptor 0, closes the sandbox, parses and writes one serialized
/// ParseOutcome to descriptor 1. A file it refuses is a rejection and success. Returns the exit
/// status: 0, or 1 when no outcome could be written (the reason is on standard error).
int RunParseProcess(const ParseProcessOptions& options);

}  // namespace hadal::parser
