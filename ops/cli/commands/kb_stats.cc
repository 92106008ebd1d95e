#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_state.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

nlohmann::json ToJson(const v1::KnowledgeBaseStats& stats) {
  nlohmann::json by_classification = nlohmann::json::object();
  for (const auto& count : stats.by_classification()) {
    by_classification[ClassificationName(count.classification())] = count.documents();
  }
  nlohmann::json by_state = nlohmann::json::object();
  for (const auto& count : stats.by_state()) {
    by_state[StateName(count.state())] = count.documents();
  }
  nlohmann::json json = {{"id", stats.id()},
                         {"whole_base", stats.whole_base()},
                         {"documents", stats.documents()},
                         {"versions", stats.versions()},
                         {"chunks", stats.chunks()},
                         {"chunks_pending", stats.chunks_pending()},
                         {"file_bytes", stats.file_bytes()},
                         {"by_classification", by_classification},
                         {"by_state", by_state},
                         {"embedding_model", stats.embedding_model()},
                         {"embedding_dim", stats.embedding_dim()},
                         {"encryption", stats.encryption()},
                         {"keep_versions", stats.keep_versions()}};
  if (stats.has_index()) {
    json["index"] = {{"sealed_files", stats.index().sealed_files()},
                     {"dead_slots", stats.index().dead_slots()},
                     {"generation", stats.index().generation()},
                     {"live_chunks", stats.index().live_chunks()}};
  }
  return json;
}

void PrintStats(const v1::KnowledgeBaseStats& stats) {
  std::vector<std::string> classifications;
  for (const auto& count : stats.by_classification()) {
    classifications.push_back(
        fmt::format("{} {}", count.documents(), ClassificationName(count.classification())));
  }
  std::vector<std::string> states;
  for (const auto& count : stats.by_state()) {
    states.push_back(fmt::format("{} {}", count.documents(), StateName(count.state())));
  }
  std::vector<std::vector<std::string>> rows = {
      {"counted", stats.whole_base() ? "every document" : "what you may read"},
      {"documents", fmt::format("{} ({})", stats.documents(), JoinOrDash(classifications))},
      {"versions",
       fmt::format("{} ({} older kept of each)", stats.versions(), stats.keep_versions())},
      {"states", JoinOrDash(states)},
      {"chunks",
       fmt::format("{}, {} still to be embedded", stats.chunks(), stats.chunks_pending())},
      {"files", FormatBytes(stats.file_bytes())},
      {"embedding",
       fmt::format("{}, {} dimensions", stats.embedding_model(), stats.embedding_dim())},
      {"encryption", stats.encryption().empty() ? "none" : stats.encryption()}};
  if (stats.has_index()) {
    rows.push_back({"index", fmt::format("{} chunks, {} files of generation {} with {} dead slots",
                                         stats.index().live_chunks(), stats.index().sealed_files(),
                                         stats.index().generation(), stats.index().dead_slots())});
  }
  PrintTable({"BASE", stats.id()}, rows);
}

Status RunStats(const Invocation& invocation, const v1::GetStatsRequest& request) {
  ASSIGN_OR_RETURN(
      const v1::KnowledgeBaseStats stats,
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::GetStats, request, kLongCall));
  if (invocation.json) {
    PrintJson(ToJson(stats));
  } else {
    PrintStats(stats);
  }
  return OkStatus();
}

}  // namespace

void AddKbStats(CLI::App& kb, Invocation& invocation) {
  auto id = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  CLI::App* command = kb.add_subcommand("stats", "Count what a base holds");
  command->add_option("KB", *id)->required();
  command->add_flag("--all", *all,
                    "Every document, readable or not, and the index: needs knowledge_store.stats");
  command->footer("Counts what you may read.\n\nExample:\n  hadal kb stats manuals");
  command->callback([&invocation, id, all] {
    invocation.run = [&invocation, id, all] {
      v1::GetStatsRequest request;
      request.set_id(*id);
      request.set_whole_base(*all);
      return RunStats(invocation, request);
    };
  });
}

}  // namespace hadal::cli
