#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace {

std::string BinFolder() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : self.parent_path().string();
}

// DATA/models, then models/ of the checkout this binary was built in, then the system's place.
std::string DefaultModels(const std::string& bin_folder) {
  const std::filesystem::path checkout =
      (std::filesystem::path(bin_folder) / "../../../models").lexically_normal();
  std::error_code ignored;
  if (std::filesystem::is_directory(checkout, ignored)) return checkout.string();
  return "/var/lib/hadal/models";
}

std::string EnvironmentOr(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

constexpr char kFooter[] = R"(Exit codes:
  0 done   1 failed   2 wrong usage   3 not allowed   4 not found   5 not reachable

Examples:
  hadal up --data /srv/hadal --detach
  hadal kb create manuals --data /srv/hadal
  hadal kb add manuals ./manuals --classification internal --data /srv/hadal
  hadal ask "How long may the transformer be overloaded?" --kb manuals --data /srv/hadal)";

}  // namespace

int main(int argc, char** argv) {
  hadal::InitLog("hadal", hadal::LogLevel::kWarning);
  hadal::cli::Invocation invocation;
  invocation.bin_folder = BinFolder();
  invocation.data = EnvironmentOr("HADAL_DATA", "hadal-data");
  invocation.models = EnvironmentOr("HADAL_MODELS", DefaultModels(invocation.bin_folder));

  CLI::App app{"hadal: a private assistant that answers from your own documents", "hadal"};
  app.set_version_flag("--version", HADAL_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand after the command
  app.add_option("--data", invocation.data, "Folder of the appliance on this machine")
      ->capture_default_str();
  app.add_option("--endpoint", invocation.endpoint, "HOST:PORT of a gateway's gRPC port");
  app.add_option("--key-file", invocation.key_file, "File with the API key to act with");
  app.add_option("--ca-file", invocation.ca_file, "CA certificate of the gateway (PEM)");
  std::string format = "table";
  app.add_option("-o,--output", format, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.footer(kFooter);

  hadal::cli::AddUp(app, invocation);
  hadal::cli::AddDown(app, invocation);
  hadal::cli::AddStatus(app, invocation);
  hadal::cli::AddKb(app, invocation);
  hadal::cli::AddAsk(app, invocation);
  hadal::cli::AddUser(app, invocation);
  hadal::cli::AddKey(app, invocation);
  hadal::cli::AddRole(app, invocation);
  hadal::cli::AddModel(app, invocation);
  hadal::cli::AddAudit(app, invocation);
  hadal::cli::AddDoctor(app, invocation);
  hadal::cli::AddCompletion(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? hadal::cli::kExitOk : hadal::cli::kExitUsage;
  }
  invocation.json = format == "json";
  if (!invocation.data.empty()) {
    invocation.data = std::filesystem::absolute(invocation.data).lexically_normal().string();
  }
  const hadal::Status status = invocation.run();
  if (!status.ok()) {
    std::fprintf(stderr, "hadal: %s\n",
                 hadal::cli::Printable(hadal::StatusMessage(status)).c_str());
  }
  return hadal::cli::ExitCode(status);
}
