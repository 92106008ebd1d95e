#pragma once

#include <functional>
#include <string>

#include "base/status.h"

namespace CLI {
class App;
}

namespace hadal::cli {

/// What every command knows: the global options, and the command chosen. Filled by the parser.
struct Invocation {
  std::string data;        ///< appliance on this machine
  std::string endpoint;    ///< HOST:PORT of a gateway's gRPC port
  std::string key_file;    ///< API key to act with; empty: the administrator's of `data`
  std::string ca_file;     ///< CA of the gateway; empty: DATA/pki/ca.pem
  std::string models;      ///< folder of the model files
  std::string bin_folder;  ///< where this binary and the services' are
  bool json = false;       ///< -o json

  /// Set by the command chosen; its Status becomes the exit code.
  std::function<Status()> run;
};

/// Exit codes, as `hadal --help` documents them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDenied = 3;
inline constexpr int kExitNotFound = 4;
inline constexpr int kExitUnavailable = 5;
int ExitCode(const Status& status);

// One per file in commands/: adds the command, its options and examples to `app`.
void AddUp(CLI::App& app, Invocation& invocation);
void AddDown(CLI::App& app, Invocation& invocation);
void AddStatus(CLI::App& app, Invocation& invocation);
void AddDoctor(CLI::App& app, Invocation& invocation);
void AddKb(CLI::App& app, Invocation& invocation);
void AddKbAdd(CLI::App& kb, Invocation& invocation);
void AddKbSearch(CLI::App& kb, Invocation& invocation);
void AddKbEval(CLI::App& kb, Invocation& invocation);
void AddKbVersions(CLI::App& kb, Invocation& invocation);
void AddKbReparse(CLI::App& kb, Invocation& invocation);
void AddKbVerifyDeleted(CLI::App& kb, Invocation& invocation);
void AddKbLsDocs(CLI::App& kb, Invocation& invocation);
void AddKbDuplicates(CLI::App& kb, Invocation& invocation);
void AddKbStats(CLI::App& kb, Invocation& invocation);
void AddKbExport(CLI::App& kb, Invocation& invocation);
void AddKbImport(CLI::App& kb, Invocation& invocation);
void AddKbUpdate(CLI::App& kb, Invocation& invocation);
void AddKbPurge(CLI::App& kb, Invocation& invocation);
void AddKbSnapshot(CLI::App& kb, Invocation& invocation);
void AddAsk(CLI::App& app, Invocation& invocation);
void AddUser(CLI::App& app, Invocation& invocation);
void AddKey(CLI::App& app, Invocation& invocation);
void AddRole(CLI::App& app, Invocation& invocation);
void AddModel(CLI::App& app, Invocation& invocation);
void AddModelImport(CLI::App& model, Invocation& invocation);
void AddModelServe(CLI::App& model, Invocation& invocation);
void AddAudit(CLI::App& app, Invocation& invocation);
void AddCompletion(CLI::App& app, Invocation& invocation);

}  // namespace hadal::cli
