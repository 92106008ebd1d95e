#include <fcntl.h>
#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/time/clock.h"
#include "base/subprocess.h"
#include "ops/cli/appliance.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kWantedFreeBytes = uint64_t{2} << 30;

struct Finding {
  std::string check;
  bool ok;
  std::string detail;
};

Finding CheckPrograms(const Invocation& invocation) {
  std::string missing;
  for (const char* name :
       {"hadal-gateway", "hadal-retrieval", "hadal-inference", "hadal-parser", "hadal-verify"}) {
    std::error_code error;
    if (!fs::exists(invocation.bin_folder + "/" + name, error)) missing += std::string(" ") + name;
  }
  return {"programs", missing.empty(),
          missing.empty() ? invocation.bin_folder
                          : "missing beside hadal:" + missing + "; build or install them"};
}

Finding CheckModelFiles(const Invocation& invocation) {
  int files = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(invocation.models, error)) {
    if (entry.path().extension() == ".gguf") ++files;
  }
  return {"models", files >= 2,
          files >= 2 ? fmt::format("{} GGUF files in {}", files, invocation.models)
                     : fmt::format("{} GGUF files in {}: run ops/models.sh fetch", files,
                                   invocation.models)};
}

Finding CheckDisk(const Invocation& invocation) {
  struct statvfs st {};
  fs::path path = invocation.data;
  std::error_code error;
  while (!path.empty() && !fs::exists(path, error)) path = path.parent_path();
  if (::statvfs(path.c_str(), &st) != 0) {
    return {"disk", false, "cannot read the free space of " + path.string()};
  }
  const uint64_t free_bytes = uint64_t{st.f_bavail} * st.f_frsize;
  return {"disk", free_bytes >= kWantedFreeBytes,
          fmt::format("{} MiB free at {}{}", free_bytes >> 20, path.string(),
                      free_bytes >= kWantedFreeBytes ? "" : "; at least 2048 MiB are wanted")};
}

Finding CheckTool(const std::string& check, std::vector<std::string> argv, const std::string& fix) {
  UniqueFd null_fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SubprocessOptions options;
  options.argv = std::move(argv);
  options.stdout_fd = null_fd.get();
  options.stderr_fd = null_fd.get();
  StatusOr<Subprocess> process = Subprocess::Start(options);
  if (!process.ok()) return {check, false, StatusMessage(process.status()) + "; " + fix};
  const std::optional<int> ended = process->Wait(absl::Now() + absl::Seconds(30));
  if (!ended.has_value()) return {check, false, "no answer within 30 s; " + fix};
  return {check, *ended == 0, *ended == 0 ? "ok" : DescribeWaitStatus(*ended) + "; " + fix};
}

Finding CheckServices(const Invocation& invocation) {
  const StatusOr<v1::GetStatusResponse> status = QueryStatus(invocation, absl::Seconds(5));
  if (!status.ok()) return {"services", false, StatusMessage(status.status())};
  std::string detail;
  for (const v1::ServiceStatus& service : status->services()) {
    detail += fmt::format("{}{} {}", detail.empty() ? "" : ", ", service.name(),
                          service.ready() ? "ready" : "NOT ready: " + service.detail());
  }
  return {"services", status->ready(), detail};
}

Finding CheckProcessor() {
  std::string isa = "baseline x86-64: answers are slow";
  bool ok = false;
  if (__builtin_cpu_supports("avx2")) {
    isa = "AVX2";
    ok = true;
  }
  if (__builtin_cpu_supports("avx512vnni")) isa = "AVX-512 with VNNI";
  return {"processor", ok, fmt::format("{}, {} threads", isa, std::thread::hardware_concurrency())};
}

Status RunDoctor(const Invocation& invocation) {
  const std::vector<Finding> findings = {
      CheckPrograms(invocation),
      CheckModelFiles(invocation),
      CheckProcessor(),
      CheckDisk(invocation),
      CheckTool("pdf text", {"pdftotext", "-v"}, "install poppler-utils"),
      CheckTool("text recognition", {"tesseract", "--version"},
                "install tesseract-ocr and tesseract-ocr-chi-sim"),
      CheckTool("parser sandbox", {invocation.bin_folder + "/hadal-parser", "--self-test"},
                "see docs/operate/sandbox.md"),
      CheckServices(invocation)};
  bool all_ok = true;
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const Finding& finding : findings) {
    all_ok = all_ok && finding.ok;
    json.push_back({{"check", finding.check}, {"ok", finding.ok}, {"detail", finding.detail}});
    rows.push_back({finding.check, finding.ok ? "ok" : "PROBLEM", finding.detail});
  }
  if (invocation.json) {
    PrintJson({{"ok", all_ok}, {"checks", json}});
  } else {
    PrintTable({"CHECK", "RESULT", "DETAIL"}, rows);
  }
  return all_ok ? OkStatus() : FailedPrecondition("some checks found problems");
}

}  // namespace

void AddDoctor(CLI::App& app, Invocation& invocation) {
  CLI::App* doctor = app.add_subcommand("doctor", "Check this machine and the appliance");
  doctor->add_option("--models", invocation.models, "Folder of the model files");
  doctor->footer("Example:\n  hadal doctor --data /srv/hadal");
  doctor->callback(
      [&invocation] { invocation.run = [&invocation] { return RunDoctor(invocation); }; });
}

}  // namespace hadal::cli
