#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunUpdate(const Invocation& invocation, const v1::UpdateKnowledgeBaseRequest& request) {
  ASSIGN_OR_RETURN(
      const v1::KnowledgeBase base,
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::UpdateKnowledgeBase, request));
  if (invocation.json) {
    PrintJson({{"id", base.id()}, {"keep_versions", base.keep_versions()}});
  } else {
    std::printf("updated  %s: %d older versions are kept\n", Printable(base.id()).c_str(),
                base.keep_versions());
  }
  return OkStatus();
}

}  // namespace

void AddKbUpdate(CLI::App& kb, Invocation& invocation) {
  auto id = std::make_shared<std::string>();
  auto keep = std::make_shared<int32_t>(0);
  CLI::App* update = kb.add_subcommand("update", "Change the settings of a base");
  update->add_option("KB", *id)->required();
  update
      ->add_option("--keep-versions", *keep,
                   "Older versions kept of each document that changes from now on")
      ->required()
      ->check(CLI::Range(0, 10'000));
  update->footer("Example:\n  hadal kb update manuals --keep-versions 3");
  update->callback([&invocation, id, keep] {
    invocation.run = [&invocation, id, keep] {
      v1::UpdateKnowledgeBaseRequest request;
      request.set_id(*id);
      request.set_keep_versions(*keep);
      return RunUpdate(invocation, request);
    };
  });
}

}  // namespace hadal::cli
