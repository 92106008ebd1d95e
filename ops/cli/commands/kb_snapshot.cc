#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunSnapshot(const Invocation& invocation, const v1::CreateSnapshotRequest& request) {
  ASSIGN_OR_RETURN(
      const v1::CreateSnapshotResponse response,
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::CreateSnapshot, request, kLongCall));
  if (invocation.json) {
    PrintJson({{"name", request.name()}, {"folder", response.folder()}});
  } else {
    std::printf("snapshot  %s\n", Printable(response.folder()).c_str());
  }
  return OkStatus();
}

}  // namespace

void AddKbSnapshot(CLI::App& kb, Invocation& invocation) {
  auto request = std::make_shared<v1::CreateSnapshotRequest>();
  CLI::App* snapshot =
      kb.add_subcommand("snapshot", "Put the state of all bases into a folder, for a backup");
  snapshot->add_option("NAME", *request->mutable_name(), "[a-z0-9_-]{1,63}, not there yet")
      ->required();
  snapshot->footer(
      "The folder, DATA/snapshots/NAME on the appliance's machine, is a store of its own: the\n"
      "state of one moment, while reading and writing go on. It shares files with the store and\n"
      "costs no room at first: copy it elsewhere, then remove it.\n\nExample:\n"
      "  hadal kb snapshot monday");
  snapshot->callback([&invocation, request] {
    invocation.run = [&invocation, request] { return RunSnapshot(invocation, *request); };
  });
}

}  // namespace hadal::cli
