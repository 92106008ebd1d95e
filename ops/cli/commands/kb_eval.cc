#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hadal/v1/assistant.grpc.pb.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"
#include "ops/cli/principals.h"
#include "ops/eval/labelled_set.h"
#include "ops/eval/metrics.h"

namespace hadal::cli {
namespace {

constexpr absl::Duration kSearchLimit = absl::Minutes(2);
constexpr absl::Duration kAnswerLimit = absl::Minutes(15);

struct EvalOptions {
  std::string kb;
  std::string questions;
  std::string principals;
  std::string results;
  std::string model;
  std::vector<int> ks = {1, 3, 5, 10};
  int limit = 0;
  bool answers = false;
};

Status Search(const Connection& connection, const EvalOptions& options, const std::string& text,
              eval::Reply& reply) {
  v1::SearchRequest request;
  request.set_knowledge_base(options.kb);
  request.set_query(text);
  request.set_top_k(options.ks.back());
  grpc::ClientContext context;
  connection.Prepare(context, kSearchLimit);
  v1::SearchResponse response;
  const grpc::Status status =
      v1::Knowledge::NewStub(connection.channel())->Search(&context, request, &response);
  if (!status.ok()) return CallError(status);
  for (const v1::SearchHit& hit : response.hits()) {
    reply.retrieved.push_back({hit.document_id(), hit.text()});
  }
  return OkStatus();
}

Status Ask(const Connection& connection, const EvalOptions& options, const std::string& text,
           eval::Reply& reply) {
  v1::AskRequest request;
  request.set_question(text);
  request.set_knowledge_base(options.kb);
  request.set_model(options.model);
  grpc::ClientContext context;
  connection.Prepare(context, kAnswerLimit);
  const auto reader = v1::Assistant::NewStub(connection.channel())->Ask(&context, request);
  v1::AskEvent event;
  while (reader->Read(&event)) {
    if (!event.has_result()) continue;
    reply.asked = true;
    reply.answer = event.result().answer();
    reply.refused = event.result().refused();
    for (const v1::Citation& citation : event.result().citations()) {
      reply.cited.push_back(citation.document_id());
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return CallError(status);
  return reply.asked ? OkStatus() : Internal("the answer ended without a result");
}

void WriteResult(const eval::Question& question, const eval::Reply& reply, std::ofstream& out) {
  nlohmann::json retrieved = nlohmann::json::array();
  for (const eval::Passage& passage : reply.retrieved) {
    retrieved.push_back({{"document", passage.document}, {"text", passage.text}});
  }
  nlohmann::json line = {{"question_id", question.id},
                         {"principal", question.principal},
                         {"retrieved", retrieved},
                         {"answer", reply.answer}};
  if (reply.asked) {
    line["refused"] = reply.refused;
    line["cited"] = reply.cited;
  }
  out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

nlohmann::json Share(double part, int of) {
  return of > 0 ? nlohmann::json(part / of) : nlohmann::json();
}

nlohmann::json ToJson(const eval::Totals& totals, const std::vector<int>& ks) {
  nlohmann::json json = {{"questions", totals.questions}};
  if (!totals.recall.empty()) {
    for (size_t i = 0; i < ks.size(); ++i) {
      json["recall@" + std::to_string(ks[i])] = Share(totals.recall[i], totals.questions);
    }
    json["mrr"] = Share(totals.reciprocal_rank, totals.questions);
    json["ndcg@" + std::to_string(ks.back())] = Share(totals.ndcg, totals.questions);
  }
  if (totals.asked > 0) {
    json["right"] = Share(totals.right, totals.judged);
    json["refused"] = Share(totals.refused, totals.asked);
  }
  return json;
}

nlohmann::json ToJson(const eval::Report& report) {
  nlohmann::json kinds;
  for (const auto& [kind, totals] : report.kinds) kinds[kind] = ToJson(totals, report.ks);
  nlohmann::json leaks = nlohmann::json::array();
  for (const eval::Leak& leak : report.leaks) {
    leaks.push_back(
        {{"question", leak.question}, {"what", leak.what}, {"document", leak.document}});
  }
  return {{"kinds", kinds},
          {"answerable", ToJson(report.Answerable(), report.ks)},
          {"leakage", report.leaks.size()},
          {"leaks", leaks}};
}

std::vector<std::string> Row(const std::string& kind, const eval::Totals& totals, size_t ks) {
  const auto share = [](double part, int of) {
    return of > 0 ? fmt::format("{:.3f}", part / of) : std::string("-");
  };
  std::vector<std::string> row = {kind, std::to_string(totals.questions)};
  const int found = totals.recall.empty() ? 0 : totals.questions;
  for (size_t i = 0; i < ks; ++i) row.push_back(share(found > 0 ? totals.recall[i] : 0, found));
  row.push_back(share(totals.reciprocal_rank, found));
  row.push_back(share(totals.ndcg, found));
  row.push_back(share(totals.right, totals.judged));
  row.push_back(share(totals.refused, totals.asked));
  return row;
}

void PrintReport(const eval::Report& report) {
  std::vector<std::string> header = {"KIND", "N"};
  for (const int k : report.ks) header.push_back("R@" + std::to_string(k));
  header.insert(header.end(),
                {"MRR", "NDCG@" + std::to_string(report.ks.back()), "RIGHT", "REFUSED"});
  std::vector<std::vector<std::string>> rows;
  for (const auto& [kind, totals] : report.kinds) {
    rows.push_back(Row(Printable(kind), totals, report.ks.size()));
  }
  rows.push_back(Row("all answerable", report.Answerable(), report.ks.size()));
  PrintTable(header, rows);
  std::printf("leakage: %zu\n", report.leaks.size());
  for (const eval::Leak& leak : report.leaks) {
    std::printf("  %s  %s  %s\n", Printable(leak.question).c_str(), leak.what.c_str(),
                Printable(leak.document).c_str());
  }
}

Status RunEval(const Invocation& invocation, EvalOptions options) {
  std::sort(options.ks.begin(), options.ks.end());
  ASSIGN_OR_RETURN(eval::LabelledSet set, eval::ReadLabelledSet(options.questions));
  if (options.limit > 0 && static_cast<size_t>(options.limit) < set.questions.size()) {
    set.questions.resize(static_cast<size_t>(options.limit));
  }
  std::set<std::string> ids;
  for (const eval::Question& question : set.questions) ids.insert(question.principal);
  ASSIGN_OR_RETURN(const auto principals, Principals::Open(invocation, ids, options.principals));
  std::ofstream results;
  if (!options.results.empty()) {
    results.open(options.results);
    if (!results) return InvalidArgument("{} cannot be written", options.results);
  }
  eval::Report report{options.ks, {}, {}};
  {
    ProgressBar progress(set.questions.size());
    for (const eval::Question& question : set.questions) {
      const Connection& connection = principals->Of(question.principal);
      eval::Reply reply;
      RETURN_IF_ERROR(Annotate(Search(connection, options, question.text, reply), question.id));
      if (options.answers) {
        RETURN_IF_ERROR(Annotate(Ask(connection, options, question.text, reply), question.id));
      }
      eval::Score(set, question, reply, report);
      if (results.is_open()) WriteResult(question, reply, results);
      progress.Advance(question.id);
    }
  }
  if (results.is_open() && !results.flush()) {
    return ResourceExhausted("{} was not written whole", options.results);
  }
  if (invocation.json) {
    PrintJson(ToJson(report));
  } else {
    PrintReport(report);
  }
  if (report.leaks.empty()) return OkStatus();
  return Internal("{} leaks: a reader was shown what he may not read", report.leaks.size());
}

}  // namespace

void AddKbEval(CLI::App& kb, Invocation& invocation) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* eval = kb.add_subcommand("eval", "Measure search and answers on labelled questions");
  eval->add_option("KB", options->kb)->required();
  eval->add_option("QUESTIONS", options->questions, "JSON lines; see ops/eval/README.md")
      ->required();
  eval->add_option("--principals", options->principals,
                   "JSON lines of users (id, clearance, compartments, groups): those who are not "
                   "there are created");
  eval->add_flag("--answers", options->answers, "Let the model answer too (slow)");
  eval->add_option("--model", options->model, "Chat model (default: the appliance's)");
  eval->add_option("-k", options->ks, "Recall at these depths")
      ->check(CLI::Range(1, 100))
      ->expected(1, 8)
      ->delimiter(',')
      ->capture_default_str();
  eval->add_option("--limit", options->limit, "Only the first so many questions")
      ->check(CLI::PositiveNumber);
  eval->add_option("--results", options->results, "File for one line a question");
  eval->footer(
      "Each question is asked as its principal, with a key made for it and revoked afterwards.\n"
      "access.jsonl beside the questions says who may read what: exit status 1 when anyone was\n"
      "shown more.\n\nExample:\n  hadal kb eval manuals questions.jsonl --answers -o json");
  eval->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunEval(invocation, *options); };
  });
}

}  // namespace hadal::cli
