#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/log.h"
#include "services/verify/report.h"

namespace {

constexpr int kDoesNotHold = 1;
constexpr int kCannotTell = 2;

int Fail(const hadal::Status& status) {
  fmt::print(stderr, "hadal-verify: {}\n", hadal::StatusMessage(status));
  return kCannotTell;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Recomputes a Hadal audit log from its files: every record, the Merkle tree, the signed\n"
      "checkpoint. Needs no network and no secret; the appliance may be running.\n\n"
      "Example: hadal-verify /var/lib/hadal/audit --public-key audit-2026.key\n"
      "Exit status: 0 all of it holds, 1 something does not, 2 could not be checked.");
  std::string folder;
  std::string public_key_file;
  std::string output = "table";
  app.add_option("folder", folder, "the audit folder, DATA/audit")->required();
  app.add_option("--public-key", public_key_file,
                 "a copy of the log's public.key kept elsewhere: without it, a log replaced as a "
                 "whole is not noticed");
  app.add_option("-o,--output", output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kCannotTell;
  }
  hadal::InitLog("hadal-verify", hadal::LogLevel::kWarning);

  std::string public_key;
  if (!public_key_file.empty()) {
    auto content = hadal::ReadFile(public_key_file, 4096);
    if (!content.ok()) return Fail(content.status());
    public_key = *std::move(content);
  }
  const auto result = hadal::auth::VerifyAuditFolder(folder, public_key);
  if (!result.ok()) return Fail(result.status());
  const std::string report = output == "json" ? hadal::verify::JsonReport(*result)
                                              : hadal::verify::TextReport(*result);
  if (!hadal::WriteAll(1, report).ok()) return kCannotTell;
  return result->problems.empty() ? 0 : kDoesNotHold;
}
