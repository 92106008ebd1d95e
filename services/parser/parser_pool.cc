#include "services/parser/parser_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/subprocess.h"

namespace hadal::parser {
namespace {

using internal::v1::ParseOutcome;

ParseOutcome Rejection(std::string_view code, std::string message) {
  ParseOutcome outcome;
  outcome.mutable_rejection()->set_code(std::string(code));
  outcome.mutable_rejection()->set_message(std::move(message));
  return outcome;
}

/// A file in memory that nobody else can reach.
StatusOr<UniqueFd> MemoryFile(const char* name) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoStatus("cannot create the memory file", name);
  return fd;
}

/// `content` as a file the child can read and neither side can change.
StatusOr<UniqueFd> SealedInput(std::string_view content) {
  ASSIGN_OR_RETURN(UniqueFd fd, MemoryFile("hadal-input"));
  RETURN_IF_ERROR(WriteAll(fd.get(), content));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return ErrnoStatus("cannot rewind", "the input");
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return ErrnoStatus("cannot seal", "the input");
  return fd;
}

StatusOr<std::string> ReadBack(int fd, int64_t limit) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus("cannot look at", "the parser's output");
  if (info.st_size > limit) return ResourceExhausted("the parser wrote {} bytes", info.st_size);
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return DataLoss("the parser's output ends early");
    done += static_cast<size_t>(n);
  }
  return bytes;
}

/// Waits until the child has ended, without reaping it: its number, which is also its process
/// group's, stays taken until the group has been killed. False at the deadline.
bool WaitForEnd(pid_t pid, absl::Time deadline) {
  absl::Duration pause = absl::Microseconds(500);
  for (;;) {
    siginfo_t info = {};
    const int result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG);
    if (result != 0 && errno != EINTR) return true;
    if (result == 0 && info.si_pid == pid) return true;
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(10));
  }
}

/// A bounded number of places, and of callers that wait for one. Thread-safe.
class Places {
 public:
  Places(int32_t places, int32_t max_waiting) : places_(places), max_waiting_(max_waiting) {}

  Status Enter() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (waiting_ >= max_waiting_) {
      return ResourceExhausted("{} files wait to be parsed already; try again later", waiting_);
    }
    ++waiting_;
    const auto has_place = [this]()
                               ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return running_ < places_; };
    mu_.Await(absl::Condition(&has_place));
    --waiting_;
    ++running_;
    return OkStatus();
  }

  void Leave() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    --running_;
  }

 private:
  const int32_t places_;
  const int32_t max_waiting_;
  absl::Mutex mu_;
  int32_t running_ ABSL_GUARDED_BY(mu_) = 0;
  int32_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

class ParserPoolImpl : public ParserPool {
 public:
  explicit ParserPoolImpl(const ParserPoolOptions& options)
      : options_(options),
        places_(options.max_processes, options.max_waiting),
        recognition_places_(options.recognition.max_processes, options.max_waiting) {}

  StatusOr<ParseOutcome> Parse(std::string_view file_name, std::string_view content) override {
    if (static_cast<int64_t>(content.size()) > options_.max_file_bytes) {
      return Rejection("too_large", fmt::format("the file has {} bytes, the limit is {}; split it",
                                                content.size(), options_.max_file_bytes));
    }
    ASSIGN_OR_RETURN(ParseOutcome outcome,
                     ParseIn(places_, file_name, content, {false, options_.time_limit}));
    const RecognitionOptions& recognition = options_.recognition;
    if (outcome.pages_to_recognize() == 0 || recognition.max_processes == 0) return outcome;
    const int64_t pages = std::min(outcome.pages_to_recognize(), recognition.max_pages);
    const Run run{true, std::min(recognition.file_time_limit,
                                 options_.time_limit + recognition.page_time * pages)};
    ASSIGN_OR_RETURN(ParseOutcome recognized,
                     ParseIn(recognition_places_, file_name, content, run));
    if (recognized.has_document() || !outcome.has_document()) return recognized;
    // A few scanned pages take a long document's text with them no more than they must.
    outcome.mutable_document()->add_warnings("pages without text could not be recognized: " +
                                             recognized.rejection().message());
    return outcome;
  }

 private:
  /// One process' work.
  struct Run {
    bool recognize;
    absl::Duration time_limit;
  };

  StatusOr<ParseOutcome> ParseIn(Places& places, std::string_view file_name,
                                 std::string_view content, const Run& run) {
    RETURN_IF_ERROR(places.Enter());
    StatusOr<ParseOutcome> outcome = ParseAlone(file_name, content, run);
    places.Leave();
    return outcome;
  }

  StatusOr<ParseOutcome> ParseAlone(std::string_view file_name, std::string_view content,
                                    const Run& run) const {
    ASSIGN_OR_RETURN(const UniqueFd input, SealedInput(content));
    ASSIGN_OR_RETURN(const UniqueFd output, MemoryFile("hadal-output"));
    SubprocessOptions start;
    const int64_t seconds = std::max<int64_t>(1, absl::ToInt64Seconds(run.time_limit));
    start.argv = {options_.program, "--max-file-bytes=" + std::to_string(options_.max_file_bytes),
                  "--max-output-bytes=" + std::to_string(options_.max_output_bytes),
                  "--memory-bytes=" + std::to_string(options_.memory_bytes),
                  "--cpu-seconds=" + std::to_string(seconds + 1)};
    if (run.recognize) {
      const RecognitionOptions& recognition = options_.recognition;
      const int64_t page_seconds =
          absl::ToInt64Seconds(absl::Ceil(recognition.page_time, absl::Seconds(1)));
      start.argv.insert(
          start.argv.end(),
          {"--recognize", "--max-recognized-pages=" + std::to_string(recognition.max_pages),
           "--page-seconds=" + std::to_string(page_seconds)});
    }
    const std::string name = SafeName(file_name);
    if (!name.empty()) start.argv.push_back("--file-name=" + name);
    start.stdin_fd = input.get();
    start.stdout_fd = output.get();
    start.new_session = true;
    start.die_with_parent = true;
    ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(start));
    const bool ended = WaitForEnd(process.pid(), absl::Now() + run.time_limit);
    // The whole group: programs the parser started must not outlive it. Its filter keeps them from
    // leaving the group.
    ::kill(-process.pid(), SIGKILL);
    const int status = *process.Wait();
    if (!ended) {
      return Rejection("timeout",
                       fmt::format("parsing the file took longer than {}; it was given up",
                                   absl::FormatDuration(run.time_limit)));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return Crashed(status);
    return ReadOutcome(output.get());
  }

  ParseOutcome Crashed(int status) const {
    LogWarning("hadal-parser ended with {}", DescribeWaitStatus(status));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) {
      return Rejection("too_large", "the file's text is larger than the parser may write");
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
      return Rejection("timeout", "parsing the file took more processor time than allowed");
    }
    // SIGKILL comes from the kernel alone here: the memory of the machine or service is used up.
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      return Rejection("memory_limit",
                       "parsing the file used up the memory there is; it was given up");
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
      return Rejection("forbidden_operation",
                       "the file made the parser try something forbidden; treat it as hostile");
    }
    return Rejection("parser_crashed",
                     fmt::format("the file made the parser end with {}; it is damaged or was made "
                                 "to harm",
                                 DescribeWaitStatus(status)));
  }

  StatusOr<ParseOutcome> ReadOutcome(int fd) const {
    StatusOr<std::string> bytes = ReadBack(fd, options_.max_output_bytes);
    ParseOutcome outcome;
    if (!bytes.ok()) return Rejection("too_large", StatusMessage(bytes.status()));
    // The output comes from a process that read hostile input: it is input again.
    if (!outcome.ParseFromString(*bytes) ||
        outcome.outcome_case() == ParseOutcome::OUTCOME_NOT_SET) {
      return Rejection("parser_crashed", "the parser wrote no readable outcome");
    }
    if (outcome.has_rejection() && outcome.rejection().code() == "sandbox_unavailable") {
      return FailedPrecondition("{}", outcome.rejection().message());
    }
    return outcome;
  }

  /// Only the ending counts; bytes that cannot stand in an argument are left out.
  static std::string SafeName(std::string_view name) {
    if (name.size() > 255) name.remove_prefix(name.size() - 255);
    std::string safe(name);
    std::erase(safe, '\0');
    return safe;
  }

  const ParserPoolOptions options_;
  Places places_;
  Places recognition_places_;
};

}  // namespace

StatusOr<std::unique_ptr<ParserPool>> ParserPool::Create(const ParserPoolOptions& options) {
  if (::access(options.program.c_str(), X_OK) != 0) {
    return ErrnoStatus("cannot execute the parser", options.program);
  }
  if (options.max_processes < 1 || options.max_waiting < 1 ||
      options.time_limit <= absl::ZeroDuration()) {
    return InvalidArgument(
        "the parser pool needs at least one process, one waiting place and a "
        "time limit above zero");
  }
  const RecognitionOptions& recognition = options.recognition;
  if (recognition.max_processes < 0 || recognition.max_pages < 1 ||
      recognition.page_time <= absl::ZeroDuration() ||
      recognition.file_time_limit <= absl::ZeroDuration()) {
    return InvalidArgument("text recognition needs pages and times above zero");
  }
  return std::unique_ptr<ParserPool>(new ParserPoolImpl(options));
}

}  // namespace hadal::parser
