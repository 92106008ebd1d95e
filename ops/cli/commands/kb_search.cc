#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

template <typename Strings>
std::vector<std::string> ToVector(const Strings& strings) {
  return {strings.begin(), strings.end()};
}

nlohmann::json JsonOf(const v1::SearchHit& hit) {
  nlohmann::json json = {{"chunk_id", hit.chunk_id()}, {"document", hit.document_id()},
                         {"title", hit.title()},       {"page", hit.page()},
                         {"start", hit.start()},       {"end", hit.end()},
                         {"score", hit.score()},       {"text", hit.text()}};
  if (!hit.has_scores()) return json;
  const v1::SearchHitScores& scores = hit.scores();
  json["scores"] = {
      {"cosine", scores.cosine()}, {"bm25", scores.bm25()}, {"coverage", scores.coverage()}};
  json["version"] = scores.document_version();
  json["classification"] = ClassificationName(scores.label().classification());
  json["compartments"] = ToVector(scores.label().compartments());
  json["groups"] = ToVector(scores.label().groups());
  json["heading_path"] = ToVector(scores.heading_path());
  return json;
}

nlohmann::json JsonOf(const v1::SearchFilter& filter) {
  return {{"clearance", ClassificationName(filter.clearance())},
          {"compartments", ToVector(filter.compartments())},
          {"groups", ToVector(filter.groups())},
          {"chunks_allowed", filter.chunks_allowed()}};
}

void PrintHit(int rank, const v1::SearchHit& hit) {
  std::printf("%d. %s  %s", rank, Printable(hit.document_id()).c_str(),
              Printable(hit.title()).c_str());
  if (hit.page() > 0) std::printf("  page %d", hit.page());
  std::printf("  score %.3f\n", hit.score());
  if (hit.has_scores()) {
    const v1::SearchHitScores& scores = hit.scores();
    std::printf("   cosine %.4f  BM25 %.2f  coverage %.2f  version %d  %s\n", scores.cosine(),
                scores.bm25(), scores.coverage(), scores.document_version(),
                ClassificationName(scores.label().classification()).c_str());
  }
  std::printf("   %s\n", Printable(hit.text()).c_str());
}

void PrintNotes(const v1::SearchResponse& response) {
  if (response.has_filter()) {
    const v1::SearchFilter& filter = response.filter();
    std::printf("filter: clearance %s, compartments %s, groups %s: %lld chunks allowed\n",
                ClassificationName(filter.clearance()).c_str(),
                JoinOrDash(ToVector(filter.compartments())).c_str(),
                JoinOrDash(ToVector(filter.groups())).c_str(),
                static_cast<long long>(filter.chunks_allowed()));
    std::printf("compared by vector: %lld, %s\n",
                static_cast<long long>(response.chunks_examined()),
                response.complete() ? "complete" : "approximate");
  }
  if (response.chunks_pending() > 0) {
    std::printf("(%lld chunks are still being embedded: considered by their words only)\n",
                static_cast<long long>(response.chunks_pending()));
  }
  if (!response.complete()) {
    std::printf("(not every chunk that you may read was considered: an index chose)\n");
  }
}

Status RunSearch(const Invocation& invocation, const v1::SearchRequest& request) {
  ASSIGN_OR_RETURN(const v1::SearchResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::Search, request));
  if (invocation.json) {
    nlohmann::json json = {{"results", nlohmann::json::array()},
                           {"complete", response.complete()},
                           {"chunks_pending", response.chunks_pending()},
                           {"chunks_examined", response.chunks_examined()}};
    for (const v1::SearchHit& hit : response.hits()) json["results"].push_back(JsonOf(hit));
    if (response.has_filter()) json["filter"] = JsonOf(response.filter());
    PrintJson(json);
    return OkStatus();
  }
  int rank = 0;
  for (const v1::SearchHit& hit : response.hits()) PrintHit(++rank, hit);
  if (response.hits().empty()) std::printf("nothing found\n");
  PrintNotes(response);
  return OkStatus();
}

/// "name=value".
StatusOr<v1::FieldMatch> ParseField(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    return InvalidArgument("--field is '{}', expected NAME=VALUE", Printable(text));
  }
  v1::FieldMatch field;
  field.set_name(text.substr(0, equals));
  field.set_value(text.substr(equals + 1));
  return field;
}

/// "2026-11-22", the end of that day in UTC, in milliseconds since 1970.
StatusOr<int64_t> ParseDay(const std::string& text) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(text, &day)) {
    return InvalidArgument("--as-of is '{}', expected a day such as 2026-11-22", Printable(text));
  }
  return absl::ToUnixMillis(absl::FromCivil(day + 1, absl::UTCTimeZone())) - 1;
}

/// CLI11's form of a check: the message of what is wrong, "" when nothing is.
template <typename Parse>
auto ParsedBy(const Parse& parse) {
  return [parse](const std::string& text) {
    const auto parsed = parse(text);
    return parsed.ok() ? std::string() : StatusMessage(parsed.status());
  };
}

}  // namespace

void AddKbSearch(CLI::App& kb, Invocation& invocation) {
  struct Options {
    std::string kb;
    std::string query;
    int top_k = 10;
    std::vector<std::string> fields;
    std::string as_of;
    bool explain = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* search = kb.add_subcommand("search", "Search the documents you may read");
  search->add_option("KB", options->kb)->required();
  search->add_option("QUERY", options->query)->required();
  search->add_option("-k", options->top_k, "Results")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  search
      ->add_option("--field", options->fields,
                   "Only documents with this field, as NAME=VALUE (may be repeated)")
      ->check(ParsedBy(ParseField));
  search->add_option("--as-of", options->as_of, "What was in force at the end of this day (UTC)")
      ->check(ParsedBy(ParseDay));
  search->add_flag("--explain", options->explain,
                   "Show each channel's score, your filter and what was compared");
  search->footer("Example:\n  hadal kb search manuals \"oil temperature alarm\" -k 5");
  search->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> Status {
      v1::SearchRequest request;
      request.set_knowledge_base(options->kb);
      request.set_query(options->query);
      request.set_top_k(options->top_k);
      request.set_explain(options->explain);
      for (const std::string& text : options->fields) {
        ASSIGN_OR_RETURN(*request.add_fields(), ParseField(text));
      }
      if (!options->as_of.empty()) {
        ASSIGN_OR_RETURN(const int64_t as_of, ParseDay(options->as_of));
        request.set_as_of_unix_ms(as_of);
      }
      return RunSearch(invocation, request);
    };
  });
}

}  // namespace hadal::cli
