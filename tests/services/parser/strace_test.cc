#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/subprocess.h"
#include "services/parser/file_view.h"
#include "tests/services/parser/shared_corpus.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

namespace fs = std::filesystem;

/// What the kernel was asked for once the sandbox was closed.
struct Trace {
  bool closed = false;  ///< the filter of system calls was installed
  int opened = 0;
  std::vector<std::string> outside;  ///< files reached that are not in the view
  std::vector<std::string> network;  ///< any such call, worked or not
};

bool InView(const std::string& path) {
  const std::vector<std::string> view = ProgramPaths(/*recognition=*/true);
  return std::any_of(view.begin(), view.end(), [&](const std::string& allowed) {
    return path == allowed || path.starts_with(allowed + "/");
  });
}

/// "name" of `1234 name(arguments) = result`.
std::string CallName(const std::string& line) {
  const size_t begin = line.find_first_not_of("0123456789 ");
  const size_t end = line.find('(');
  return begin < end && end != std::string::npos ? line.substr(begin, end - begin) : std::string();
}

Trace ReadTrace(const std::string& path) {
  constexpr std::string_view kReach[] = {"open",    "openat",  "openat2", "creat",    "execve",
                                         "mkdir",   "mkdirat", "unlink",  "unlinkat", "rename",
                                         "symlink", "link",    "truncate"};
  constexpr std::string_view kNetwork[] = {"socket", "socketpair", "connect", "bind",
                                           "sendto", "sendmsg",    "listen",  "accept"};
  Trace trace;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::string call = CallName(line);
    if (call == "seccomp" && line.find("SECCOMP_SET_MODE_FILTER") != std::string::npos) {
      trace.closed = true;
    }
    if (!trace.closed) continue;
    if (std::count(std::begin(kNetwork), std::end(kNetwork), call) > 0) {
      trace.network.push_back(line);
    }
    const size_t result = line.rfind(" = ");
    if (std::count(std::begin(kReach), std::end(kReach), call) == 0) continue;
    if (result == std::string::npos || line.compare(result, 5, " = -1") == 0) continue;
    ++trace.opened;
    const size_t begin = line.find('"');
    const size_t end = line.find('"', begin + 1);
    const std::string reached =
        begin == std::string::npos ? line : line.substr(begin + 1, end - begin - 1);
    if (!InView(reached)) trace.outside.push_back(line);
  }
  return trace;
}

class StraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Run({"strace", "-qq", "-o", "/dev/null", "true"}, "/dev/null") != 0) {
      GTEST_SKIP() << "strace is not installed, or this machine forbids tracing";
    }
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
  }

  static std::optional<int> Run(const std::vector<std::string>& argv, const std::string& input) {
    const UniqueFd in(::open(input.c_str(), O_RDONLY | O_CLOEXEC));
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    SubprocessOptions options;
    options.argv = argv;
    options.stdin_fd = in.get();
    options.stdout_fd = options.stderr_fd = null.get();
    StatusOr<Subprocess> process = Subprocess::Start(options);
    return process.ok() ? process->Wait() : std::nullopt;
  }

  Trace TraceFile(const std::string& path, bool recognize) {
    const std::string out = folder_->path() + "/trace";
    std::vector<std::string> argv = {"strace",
                                     "-f",
                                     "-qq",
                                     "--seccomp-bpf",
                                     "-e",
                                     "trace=%file,%network,seccomp",
                                     "-s",
                                     "4096",
                                     "-o",
                                     out,
                                     BinaryPath("hadal-parser"),
                                     "--cpu-seconds=300",
                                     "--file-name=" + fs::path(path).filename().string()};
    if (recognize) argv.push_back("--recognize");
    EXPECT_TRUE(Run(argv, path).has_value());
    return ReadTrace(out);
  }

  void Check(const std::string& path, bool recognize) {
    SCOPED_TRACE(path);
    const Trace trace = TraceFile(path, recognize);
    EXPECT_TRUE(trace.closed);
    EXPECT_TRUE(trace.outside.empty()) << trace.outside.front();
    EXPECT_TRUE(trace.network.empty()) << trace.network.front();
    if (path.ends_with(".txt") || path.ends_with(".html")) {
      EXPECT_EQ(trace.opened, 0);
    }
    opened_ += trace.opened;
  }

  std::unique_ptr<TempDir> folder_;
  int opened_ = 0;
};

TEST_F(StraceTest, NoFileOutsideTheViewAndNoSocket) {
  const std::string root = SharedCorpus();
  if (root.empty()) GTEST_SKIP() << "no shared corpus beside this checkout";
  int files = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().string();
    if (!entry.is_regular_file() || path.find("/text/") != std::string::npos) continue;
    if (path.ends_with(".jsonl") || path.ends_with(".tar.gz")) continue;
    Check(path, /*recognize=*/false);
    ++files;
  }
  EXPECT_GT(files, 40);
  EXPECT_GT(opened_, 0);  // pdftotext and its libraries: the trace sees what is opened
}

TEST_F(StraceTest, NorWhileTextIsRecognized) {
  const std::string root = SharedCorpus();
  if (root.empty()) GTEST_SKIP() << "no shared corpus beside this checkout";
  for (const auto& entry : LoadLines(root + "/manifest.jsonl")) {
    if (entry["format"] == "pdf-scan") Check(root + "/" + entry["file"].get<std::string>(), true);
  }
  EXPECT_GT(opened_, 0);
  for (const char* hostile : {"picture-named.pdf", "xref-loop.pdf", "noise.docx", "password.pdf"}) {
    Check(root + "/hostile/" + hostile, true);
  }
}

}  // namespace
}  // namespace hadal::parser
