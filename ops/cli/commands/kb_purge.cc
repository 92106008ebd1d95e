#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunPurge(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const v1::PurgeDeletedResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::PurgeDeleted,
                                       v1::PurgeDeletedRequest(), kLongCall));
  if (invocation.json) {
    PrintJson({{"generation", response.generation()}});
  } else {
    std::printf("purged  the files on the disk are of generation %llu\n",
                static_cast<unsigned long long>(response.generation()));
  }
  return OkStatus();
}

}  // namespace

void AddKbPurge(CLI::App& kb, Invocation& invocation) {
  CLI::App* purge =
      kb.add_subcommand("purge", "Rewrite the files on the disk without what was deleted");
  purge->footer(
      "A deletion is in force at once; its bytes stay in files until these are rewritten. This\n"
      "rewrites those of all bases that hold deleted things, while searches go on; then\n"
      "`hadal kb verify-deleted` finds nothing any more.\n\nExample:\n  hadal kb purge");
  purge->callback(
      [&invocation] { invocation.run = [&invocation] { return RunPurge(invocation); }; });
}

}  // namespace hadal::cli
