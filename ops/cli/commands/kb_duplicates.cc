#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunDuplicates(const Invocation& invocation, const v1::ListNearDuplicatesRequest& request) {
  ASSIGN_OR_RETURN(const v1::ListNearDuplicatesResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::ListNearDuplicates,
                                       request, kLongCall));
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::NearDuplicate& pair : response.duplicates()) {
    const bool same_file = pair.document().sha256() == pair.like().sha256();
    json.push_back({{"document", pair.document().id()},
                    {"like", pair.like().id()},
                    {"similarity", pair.similarity()},
                    {"same_file", same_file}});
    rows.push_back({fmt::format("{:.2f}{}", pair.similarity(), same_file ? ", same file" : ""),
                    pair.document().id(), pair.like().id(), pair.document().title()});
  }
  if (invocation.json) {
    PrintJson({{"duplicates", json}, {"found", response.found()}});
    return OkStatus();
  }
  PrintTable({"SIMILARITY", "DOCUMENT", "IS NEARLY", "TITLE"}, rows);
  if (response.found() > response.duplicates_size()) {
    std::printf("(%lld in all: give a higher -n)\n", static_cast<long long>(response.found()));
  }
  return OkStatus();
}

}  // namespace

void AddKbDuplicates(CLI::App& kb, Invocation& invocation) {
  struct Options {
    std::string kb;
    double least = 0.8;
    int32_t limit = 100;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      kb.add_subcommand("duplicates", "Name documents whose text is nearly another one's");
  command->add_option("KB", options->kb)->required();
  command->add_option("--least", options->least, "Share of the text in common, estimated")
      ->check(CLI::Range(0.5, 1.0))
      ->capture_default_str();
  command->add_option("-n,--limit", options->limit, "The most similar ones")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->footer(
      "Among the documents you may read, by their newest versions; each is named once, with the\n"
      "most similar of those before it.\n\nExample:\n  hadal kb duplicates manuals --least 0.9");
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      v1::ListNearDuplicatesRequest request;
      request.set_knowledge_base(options->kb);
      request.set_least_similarity(options->least);
      request.set_max_results(options->limit);
      return RunDuplicates(invocation, request);
    };
  });
}

}  // namespace hadal::cli
