#include "retrieval/parse/program_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

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

/// Cuts a stream into lines.
class LineSplitter {
 public:
  LineSplitter(const std::function<bool(std::string_view)>& on_line, const ProgramLimits& limits)
      : on_line_(on_line), limits_(limits) {}

  /// False when the reader wants no more.
  StatusOr<bool> Feed(std::string_view data) {
    total_ += data.size();
    if (total_ > limits_.max_output_bytes) {
      return ResourceExhausted("the program wrote more than {} MiB",
                               limits_.max_output_bytes >> 20);
    }
    while (!data.empty()) {
      const size_t newline = data.find('\n');
      pending_ += data.substr(0, newline);
      if (pending_.size() > limits_.max_line_bytes) {
        return ResourceExhausted("the program wrote a line of more than {} bytes",
                                 limits_.max_line_bytes);
      }
      if (newline == std::string_view::npos) break;
      data.remove_prefix(newline + 1);
      if (!on_line_(pending_)) return false;
      pending_.clear();
    }
    return true;
  }
  void Finish() {
    if (!pending_.empty()) on_line_(pending_);
  }

 private:
  const std::function<bool(std::string_view)>& on_line_;
  const ProgramLimits& limits_;
  std::string pending_;
  size_t total_ = 0;
};

/// Feeds and drains the three pipes until both outputs are closed.
Status Exchange(Pipe& in, Pipe& out, Pipe& error, std::string_view input, LineSplitter& lines,
                std::string& error_text) {
  std::array<char, 64 * 1024> buffer;
  while (out.read.valid() || error.read.valid()) {
    // poll() ignores entries whose descriptor is negative, as closed ones of ours are.
    std::array<pollfd, 3> polled = {
        {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {error.read.get(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("cannot wait for", "pipes");
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
        ASSIGN_OR_RETURN(const bool more, lines.Feed({buffer.data(), static_cast<size_t>(n)}));
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
  lines.Finish();
  return OkStatus();
}

}  // namespace

StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv, std::string_view input,
                                   const std::function<bool(std::string_view)>& on_line,
                                   const ProgramLimits& limits) {
  const SigpipeIgnored sigpipe_ignored;
  ASSIGN_OR_RETURN(Pipe in, MakePipe());
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe error, MakePipe());
  SubprocessOptions options;
  options.argv = argv;
  options.stdin_fd = in.read.get();
  options.stdout_fd = out.write.get();
  options.stderr_fd = error.write.get();
  options.die_with_parent = true;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(options));
  in.read.Reset();
  out.write.Reset();
  error.write.Reset();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  ProgramResult result;
  LineSplitter lines(on_line, limits);
  RETURN_IF_ERROR(Exchange(in, out, error, input, lines, result.error_text));
  out.read.Reset();
  error.read.Reset();
  in.write.Reset();
  result.wait_status = *process.Wait();
  return result;
}

}  // namespace hadal::retrieval
