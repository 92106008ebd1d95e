#include "services/parser/parse_process.h"

#include <unistd.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/parser.h"
#include "services/parser/sandbox.h"

namespace hadal::parser {
namespace {

using internal::v1::ParseOutcome;

constexpr int64_t kMiB = int64_t{1} << 20;

ParseOutcome Rejection(std::string_view code, std::string message) {
  ParseOutcome outcome;
  outcome.mutable_rejection()->set_code(std::string(code));
  outcome.mutable_rejection()->set_message(std::move(message));
  return outcome;
}

/// Everything up to the end of `fd`; one byte more than `limit` when there is more.
StatusOr<std::string> ReadToEnd(int fd, size_t limit) {
  std::string content;
  constexpr size_t kStep = size_t{1} << 20;
  while (content.size() <= limit) {
    const size_t before = content.size();
    content.resize(before + kStep);
    const ssize_t n = ::read(fd, content.data() + before, kStep);
    content.resize(before + static_cast<size_t>(n > 0 ? n : 0));
    if (n == 0) break;
    if (n < 0 && errno != EINTR) return ErrnoStatus("cannot read the file from", "standard input");
  }
  return content;
}

ParseOutcome ParseInSandbox(const ParseProcessOptions& options, const std::string& content) {
  SandboxOptions sandbox;
  sandbox.cpu_seconds = options.cpu_seconds;
  sandbox.address_space_bytes = options.memory_bytes;
  // Room for the file on its way to pdftotext is in pipes, so the output is all it may write.
  sandbox.file_size_bytes = options.max_output_bytes + kMiB;
  sandbox.allow_recognition = options.recognize;
  sandbox.allow_programs = options.recognize || retrieval::NeedsExternalPrograms(content);
  const StatusOr<SandboxReport> report = CloseSandbox(sandbox);
  if (!report.ok()) {
    return Rejection("sandbox_unavailable",
                     "no file is parsed without a sandbox: " + StatusMessage(report.status()));
  }
  if (!report->files_isolated() || !report->network_namespace) {
    for (const std::string& reason : report->missing) LogWarning("sandbox without {}", reason);
  }
  retrieval::ParseOptions parse;
  parse.recognize = options.recognize;
  parse.max_recognized_pages = options.max_recognized_pages;
  parse.page_time = absl::Seconds(options.page_seconds);
  return retrieval::ParseFile(options.file_name, content, parse);
}

ParseOutcome MakeOutcome(const ParseProcessOptions& options) {
  try {
    StatusOr<std::string> content = ReadToEnd(0, static_cast<size_t>(options.max_file_bytes));
    if (!content.ok()) return Rejection("unreadable", StatusMessage(content.status()));
    if (static_cast<int64_t>(content->size()) > options.max_file_bytes) {
      return Rejection("too_large", fmt::format("the file has more than {} MiB; split it",
                                                options.max_file_bytes / kMiB));
    }
    return ParseInSandbox(options, *content);
  } catch (const std::bad_alloc&) {
    return Rejection("memory_limit",
                     fmt::format("reading the file needs more than {} MiB of memory",
                                 options.memory_bytes / kMiB));
  } catch (const std::exception& error) {
    return Rejection("parser_crashed", fmt::format("the parser failed: {}", error.what()));
  }
}

}  // namespace

int RunParseProcess(const ParseProcessOptions& options) {
  ParseOutcome outcome = MakeOutcome(options);
  std::string bytes;
  try {
    if (static_cast<int64_t>(outcome.ByteSizeLong()) > options.max_output_bytes) {
      outcome =
          Rejection("too_large", fmt::format("the file holds more than {} MiB of text; split it",
                                             options.max_output_bytes / kMiB));
    }
    bytes = outcome.SerializeAsString();
  } catch (const std::bad_alloc&) {
    bytes = Rejection("memory_limit", "the file's text does not fit into the parser's memory")
                .SerializeAsString();
  }
  const Status written = WriteAll(1, bytes);
  if (!written.ok()) LogError("cannot write the outcome: {}", StatusMessage(written));
  return written.ok() ? 0 : 1;
}

}  // namespace hadal::parser
