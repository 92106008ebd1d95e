#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "services/parser/parse_process.h"
#include "services/parser/self_test.h"

namespace {

int SelfTest() {
  int escapes = 0;
  for (const bool allow_programs : {false, true}) {
    const auto results = hadal::parser::RunSelfTest(allow_programs);
    if (!results.ok()) {
      fmt::print(stderr, "{}\n", hadal::StatusMessage(results.status()));
      return 1;
    }
    for (const hadal::parser::SelfTestResult& result : *results) {
      // The programs' own libraries are all that can be seen where programs may run.
      const bool harmless = allow_programs && result.attempt == "list the root folder";
      escapes += !result.blocked && !harmless;
      fmt::print("{} {} ({}): {}\n",
                 result.blocked ? "blocked"
                 : harmless     ? "allowed"
                                : "OPEN",
                 result.attempt, allow_programs ? "with programs" : "plain", result.how);
    }
  }
  return escapes == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Turns one file on standard input into text, inside a sandbox. Run by hadal-retrieval.");
  hadal::parser::ParseProcessOptions options;
  bool self_test = false;
  app.add_option("--file-name", options.file_name, "name of the file; a hint only");
  app.add_option("--max-file-bytes", options.max_file_bytes, "largest file read");
  app.add_option("--max-output-bytes", options.max_output_bytes, "largest outcome written");
  app.add_option("--memory-bytes", options.memory_bytes, "address space of each process");
  app.add_option("--cpu-seconds", options.cpu_seconds, "processor time of each process");
  app.add_flag("--recognize", options.recognize, "read scans and pictures with tesseract");
  app.add_option("--max-recognized-pages", options.max_recognized_pages, "of one file");
  app.add_option("--page-seconds", options.page_seconds, "for one attempt to recognize a page");
  app.add_flag("--self-test", self_test,
               "try what a hijacked parser would try; exit 0 if all fails");
  CLI11_PARSE(app, argc, argv);
  hadal::InitLog("hadal-parser", hadal::LogLevel::kWarning);
  const int status = self_test ? SelfTest() : hadal::parser::RunParseProcess(options);
  std::fflush(stdout);
  // No destructors and no leak check: that needs ptrace, which the closed sandbox punishes.
  ::_exit(status);
}
