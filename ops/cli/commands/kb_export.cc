#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/interruption.h"
#include "ops/cli/invocation.h"
#include "ops/cli/new_file.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

/// Takes the parts of an export, in order.
using Sink = std::function<Status(std::string_view part)>;

StatusOr<int64_t> Receive(const Invocation& invocation, const std::string& id, const Sink& sink) {
  Interruption interruption;
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = v1::Knowledge::NewStub(connection->channel());
  grpc::ClientContext context;
  connection->Prepare(context, kLongCall);
  const Interruption::Cancels cancels(interruption, context);
  v1::ExportKnowledgeBaseRequest request;
  request.set_id(id);
  const auto reader = stub->ExportKnowledgeBase(&context, request);
  v1::ExportKnowledgeBaseResponse part;
  ByteProgress progress(0);
  int64_t bytes = 0;
  Status taken = OkStatus();
  while (taken.ok() && reader->Read(&part)) {
    taken = sink(part.data());
    bytes += static_cast<int64_t>(part.data().size());
    progress.Show(bytes);
  }
  if (!taken.ok()) context.TryCancel();
  const grpc::Status ended = reader->Finish();
  RETURN_IF_ERROR(taken);
  if (interruption.requested()) return Cancelled("interrupted: nothing was exported");
  if (!ended.ok()) return CallError(ended);
  return bytes;
}

Status RunExport(const Invocation& invocation, const std::string& id, const std::string& path) {
  if (path == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return InvalidArgument("an export is no text: send standard output to a file or a program");
    }
    return Receive(invocation, id,
                   [](std::string_view part) {
                     const Status written = WriteAll(STDOUT_FILENO, part);
                     return written.ok() ? written : Annotate(written, "standard output");
                   })
        .status();
  }
  ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path));
  ASSIGN_OR_RETURN(const int64_t bytes, Receive(invocation, id, [&file](std::string_view part) {
                     return file.Write(part);
                   }));
  RETURN_IF_ERROR(file.Commit());
  if (invocation.json) {
    PrintJson({{"knowledge_base", id}, {"file", path}, {"bytes", bytes}});
  } else {
    std::printf("exported  %s to %s (%s)\n", Printable(id).c_str(), Printable(path).c_str(),
                FormatBytes(bytes).c_str());
  }
  return OkStatus();
}

}  // namespace

void AddKbExport(CLI::App& kb, Invocation& invocation) {
  auto id = std::make_shared<std::string>();
  auto path = std::make_shared<std::string>();
  CLI::App* command =
      kb.add_subcommand("export", "Write a base with its files and vectors into one file");
  command->add_option("KB", *id)->required();
  command->add_option("FILE", *path, "Must not be there; - is standard output")->required();
  command->footer(
      "The file holds every document whatever its label, not encrypted: keep it as you keep the\n"
      "documents. It is there when it is complete, or not at all.\n\nExamples:\n"
      "  hadal kb export manuals manuals.hadalkb\n"
      "  hadal kb export manuals - | age -r KEY > manuals.hadalkb.age");
  command->callback([&invocation, id, path] {
    invocation.run = [&invocation, id, path] { return RunExport(invocation, *id, *path); };
  });
}

}  // namespace hadal::cli
