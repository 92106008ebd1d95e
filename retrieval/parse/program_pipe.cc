#include "retrieval/parse/program_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/subprocess.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxErrorBytes = 4096;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus("cannot create a", "pipe");
  Pipe pipe;
  pipe.read.Reset(fds[0]);
  pipe.write.Reset(fds[1]);
  return pipe;
}

/// A program may end before it has read everything: writing must fail then, not kill us.
class SigpipeIgnored {
 public:
  SigpipeIgnored() {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  ~SigpipeIgnored() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ = {};
};

/// What becomes of the output; false when the reader wants no more.
using OutputSink = std::function<StatusOr<bool>(std::string_view)>;

/// Cuts a stream into lines.
class LineSplitter {
 public:
  LineSplitter(const std::function<bool(std::string_view)>& on_line, size_t max_line_bytes)
      : on_line_(on_line), max_line_bytes_(max_line_bytes) {}

  StatusOr<bool> Feed(std::string_view data) {
    while (!data.empty()) {
      const size_t newline = data.find('\n');
      pending_ += data.substr(0, newline);
      if (pending_.size() > max_line_bytes_) {
        return ResourceExhausted("the program wrote a line of more than {} bytes", max_line_bytes_);
      }
      if (newline == std::string_view::npos) break;
      data.remove_prefix(newline + 1);
      const bool more = on_line_(pending_);
      pending_.clear();
      if (!more) return false;
    }
    return true;
  }
  void Finish() {
    if (!pending_.empty()) on_line_(pending_);
  }

 private:
  const std::function<bool(std::string_view)>& on_line_;
  const size_t max_line_bytes_;
  std::string pending_;
};

/// Milliseconds until `deadline` for poll(): -1 for never.
int PollTimeout(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return -1;
  const absl::Duration left = std::max(absl::ZeroDuration(), deadline - absl::Now());
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 1 << 30));
}

/// Feeds and drains the three pipes until both outputs are closed.
Status Exchange(Pipe& in, Pipe& out, Pipe& error, std::string_view input, const OutputSink& sink,
                const ProgramOptions& options, std::string& error_text) {
  const absl::Time deadline = absl::Now() + options.time_limit;
  std::array<char, 64 * 1024> buffer;
  size_t total = 0;
  while (out.read.valid() || error.read.valid()) {
    // poll() ignores entries whose descriptor is negative, as closed ones of ours are.
    std::array<pollfd, 3> polled = {
        {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {error.read.get(), POLLIN, 0}}};
    const int ready = ::poll(polled.data(), polled.size(), PollTimeout(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return ErrnoStatus("cannot wait for", "pipes");
    if (absl::Now() >= deadline) {
      return DeadlineExceeded("the program took longer than {}",
                              absl::FormatDuration(options.time_limit));
    }
    if (polled[0].revents != 0) {
      const ssize_t n =
          ::write(in.write.get(), input.data(), std::min<size_t>(input.size(), 64 * 1024));
      if (n > 0) input.remove_prefix(static_cast<size_t>(n));
      if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.write.Reset();
    }
    if (polled[1].revents != 0) {
      const ssize_t n = ::read(out.read.get(), buffer.data(), buffer.size());
      if (n > 0) {
        total += static_cast<size_t>(n);
        if (total > options.max_output_bytes) {
          return ResourceExhausted("the program wrote more than {} MiB",
                                   options.max_output_bytes >> 20);
        }
        ASSIGN_OR_RETURN(const bool more, sink({buffer.data(), static_cast<size_t>(n)}));
        if (!more) return OkStatus();
      } else if (n == 0 || errno != EINTR) {
        out.read.Reset();
      }
    }
    if (polled[2].revents != 0) {
      const ssize_t n = ::read(error.read.get(), buffer.data(), buffer.size());
      if (n > 0) {
        const size_t room = kMaxErrorBytes - std::min(kMaxErrorBytes, error_text.size());
        error_text.append(buffer.data(), std::min(room, static_cast<size_t>(n)));
      } else if (n == 0 || errno != EINTR) {
        error.read.Reset();
      }
    }
  }
  return OkStatus();
}

StatusOr<ProgramResult> Run(const std::vector<std::string>& argv, std::string_view input,
                            const OutputSink& sink, const ProgramOptions& options) {
  const SigpipeIgnored sigpipe_ignored;
  ASSIGN_OR_RETURN(Pipe in, MakePipe());
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe error, MakePipe());
  SubprocessOptions start;
  start.argv = argv;
  start.env = options.env;
  start.stdin_fd = in.read.get();
  start.stdout_fd = out.write.get();
  start.stderr_fd = error.write.get();
  start.die_with_parent = true;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(start));
  in.read.Reset();
  out.write.Reset();
  error.write.Reset();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  ProgramResult result;
  RETURN_IF_ERROR(Exchange(in, out, error, input, sink, options, result.error_text));
  out.read.Reset();
  error.read.Reset();
  in.write.Reset();
  result.wait_status = *process.Wait();
  return result;
}

}  // namespace

StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv, std::string_view input,
                                   const std::function<bool(std::string_view)>& on_line,
                                   const ProgramOptions& options) {
  LineSplitter lines(on_line, options.max_line_bytes);
  ASSIGN_OR_RETURN(
      const ProgramResult result,
      Run(
          argv, input, [&](std::string_view data) { return lines.Feed(data); }, options));
  lines.Finish();
  return result;
}

StatusOr<ProgramResult> RunProgramInto(const std::vector<std::string>& argv, std::string_view input,
                                       std::string& output, const ProgramOptions& options) {
  const auto append = [&](std::string_view data) -> StatusOr<bool> {
    output += data;
    return true;
  };
  return Run(argv, input, append, options);
}

}  // namespace hadal::retrieval
