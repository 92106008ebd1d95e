#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunSearch(const Invocation& invocation, const v1::SearchRequest& request) {
  ASSIGN_OR_RETURN(const v1::SearchResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::Search, request));
  if (invocation.json) {
    nlohmann::json results = nlohmann::json::array();
    for (const v1::SearchHit& hit : response.hits()) {
      results.push_back({{"chunk_id", hit.chunk_id()},
                         {"document", hit.document_id()},
                         {"title", hit.title()},
                         {"page", hit.page()},
                         {"start", hit.start()},
                         {"end", hit.end()},
                         {"score", hit.score()},
                         {"text", hit.text()}});
    }
    PrintJson({{"results", results},
               {"complete", response.complete()},
               {"chunks_pending", response.chunks_pending()}});
    return OkStatus();
  }
  int rank = 0;
  for (const v1::SearchHit& hit : response.hits()) {
    std::printf("%d. %s  %s", ++rank, Printable(hit.document_id()).c_str(),
                Printable(hit.title()).c_str());
    if (hit.page() > 0) std::printf("  page %d", hit.page());
    std::printf("  score %.3f\n   %s\n", hit.score(), Printable(hit.text()).c_str());
  }
  if (response.hits().empty()) std::printf("nothing found\n");
  if (response.chunks_pending() > 0) {
    std::printf("(%lld chunks are still being embedded: considered by their words only)\n",
                static_cast<long long>(response.chunks_pending()));
  }
  if (!response.complete()) std::printf("(not every allowed chunk was considered)\n");
  return OkStatus();
}

}  // namespace

void AddKbSearch(CLI::App& kb, Invocation& invocation) {
  struct Options {
    std::string kb;
    std::string query;
    int top_k = 10;
  };
  auto options = std::make_shared<Options>();
  CLI::App* search = kb.add_subcommand("search", "Search the documents you may read");
  search->add_option("KB", options->kb)->required();
  search->add_option("QUERY", options->query)->required();
  search->add_option("-k", options->top_k, "Results")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  search->footer("Example:\n  hadal kb search manuals \"oil temperature alarm\" -k 5");
  search->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      v1::SearchRequest request;
      request.set_knowledge_base(options->kb);
      request.set_query(options->query);
      request.set_top_k(options->top_k);
      return RunSearch(invocation, request);
    };
  });
}

}  // namespace hadal::cli
