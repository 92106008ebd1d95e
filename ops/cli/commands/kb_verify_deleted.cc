#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

struct Options {
  uint64_t receipt = 0;
  std::string text;
  bool purge = false;
};

Status RunVerify(const Invocation& invocation, const Options& options) {
  if (options.purge) {
    RETURN_IF_ERROR(Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::PurgeDeleted,
                                        v1::PurgeDeletedRequest(), kLongCall)
                        .status());
  }
  v1::VerifyDeletedRequest request;
  request.set_sequence(options.receipt);
  request.set_text(options.text);
  ASSIGN_OR_RETURN(
      const v1::VerifyDeletedResponse response,
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::VerifyDeleted, request, kLongCall));
  const v1::DeletionReceipt& receipt = response.receipt();
  if (invocation.json) {
    PrintJson({{"receipt", receipt.sequence()},
               {"knowledge_base", receipt.knowledge_base()},
               {"document", receipt.document_id()},
               {"gone", response.gone()},
               {"generation", response.generation()},
               {"gone_at_generation", receipt.gone_at_generation()},
               {"remains",
                std::vector<std::string>(response.remains().begin(), response.remains().end())}});
  } else {
    std::printf("%s  receipt %llu: %s%s%s\n", response.gone() ? "gone" : "not gone yet",
                static_cast<unsigned long long>(receipt.sequence()),
                receipt.knowledge_base().c_str(), receipt.document_id().empty() ? "" : "/",
                Printable(receipt.document_id()).c_str());
    for (const std::string& remains : response.remains()) {
      std::printf("  %s\n", Printable(remains).c_str());
    }
  }
  if (response.gone()) return OkStatus();
  return FailedPrecondition(
      "something of it is left on the disk: --purge rewrites the files and looks again");
}

}  // namespace

void AddKbVerifyDeleted(CLI::App& kb, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* verify =
      kb.add_subcommand("verify-deleted", "Look for what a deletion took away, on the disk too");
  verify->add_option("RECEIPT", options->receipt, "The number that `hadal kb rm` gave")->required();
  verify->add_option("--text", options->text, "Text of the document, looked for as well");
  verify->add_flag("--purge", options->purge, "Rewrite the files first, so that it is gone");
  verify->footer("Example:\n  hadal kb verify-deleted 4711 --purge");
  verify->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunVerify(invocation, *options); };
  });
}

}  // namespace hadal::cli
