#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunReparse(const Invocation& invocation, const v1::ReparseDocumentRequest& request) {
  RETURN_IF_ERROR(
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::ReparseDocument, request).status());
  if (invocation.json) {
    PrintJson({{"knowledge_base", request.knowledge_base()},
               {"document", request.document_id()},
               {"state", "received"}});
  } else {
    std::printf("queued  %s\n", Printable(request.document_id()).c_str());
  }
  return OkStatus();
}

}  // namespace

void AddKbReparse(CLI::App& kb, Invocation& invocation) {
  auto request = std::make_shared<v1::ReparseDocumentRequest>();
  CLI::App* reparse = kb.add_subcommand("reparse", "Read a document's file again");
  reparse->add_option("KB", *request->mutable_knowledge_base())->required();
  reparse->add_option("DOCUMENT", *request->mutable_document_id())->required();
  reparse->footer(
      "The file is read again in the background, with today's settings; the document stays as it\n"
      "is until then. `hadal kb ls-docs` shows what became of it.\n\nExample:\n"
      "  hadal kb reparse manuals pump-7");
  reparse->callback([&invocation, request] {
    invocation.run = [&invocation, request] { return RunReparse(invocation, *request); };
  });
}

}  // namespace hadal::cli
