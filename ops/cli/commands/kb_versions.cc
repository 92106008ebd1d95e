#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

std::string TimeOrDash(int64_t unix_ms) { return unix_ms == 0 ? "-" : FormatTime(unix_ms); }

std::string PlaceOf(const v1::Document& version) {
  if (version.in_force()) return "in force";
  if (version.superseded_by() == 0) return "out of its dates";
  return "superseded by " + std::to_string(version.superseded_by());
}

Status RunVersions(const Invocation& invocation, const v1::ListVersionsRequest& request) {
  ASSIGN_OR_RETURN(const v1::ListVersionsResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::ListVersions, request));
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::Document& version : response.versions()) {
    if (version.version() == 0) continue;  // a file that is still to be read
    json.push_back({{"version", version.version()},
                    {"in_force", version.in_force()},
                    {"added_unix_ms", version.added_unix_ms()},
                    {"effective_unix_ms", version.effective_unix_ms()},
                    {"expires_unix_ms", version.expires_unix_ms()},
                    {"superseded_unix_ms", version.superseded_unix_ms()},
                    {"superseded_by", version.superseded_by()},
                    {"chunks", version.chunks()},
                    {"sha256", version.sha256()},
                    {"has_file", version.has_file()},
                    {"classification", ClassificationName(version.label().classification())}});
    rows.push_back({std::to_string(version.version()), PlaceOf(version),
                    FormatTime(version.added_unix_ms()), TimeOrDash(version.effective_unix_ms()),
                    TimeOrDash(version.expires_unix_ms()), std::to_string(version.chunks()),
                    version.sha256().substr(0, 12)});
  }
  if (invocation.json) {
    PrintJson({{"versions", json}});
  } else {
    PrintTable({"VERSION", "STATE", "ADDED (UTC)", "EFFECTIVE", "EXPIRES", "CHUNKS", "SHA-256"},
               rows);
  }
  return OkStatus();
}

}  // namespace

void AddKbVersions(CLI::App& kb, Invocation& invocation) {
  auto request = std::make_shared<v1::ListVersionsRequest>();
  CLI::App* versions = kb.add_subcommand("versions", "List the versions of a document");
  versions->add_option("KB", *request->mutable_knowledge_base())->required();
  versions->add_option("DOCUMENT", *request->mutable_document_id())->required();
  versions->footer("Example:\n  hadal kb versions manuals pump-7");
  versions->callback([&invocation, request] {
    invocation.run = [&invocation, request] { return RunVersions(invocation, *request); };
  });
}

}  // namespace hadal::cli
