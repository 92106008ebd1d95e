#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/assistant.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

nlohmann::json ToJson(const v1::AskResult& result) {
  nlohmann::json citations = nlohmann::json::array();
  for (const v1::Citation& citation : result.citations()) {
    citations.push_back({{"n", citation.n()},
                         {"document", citation.document_id()},
                         {"title", citation.title()},
                         {"chunk_id", citation.chunk_id()},
                         {"page", citation.page()},
                         {"start", citation.start()},
                         {"end", citation.end()},
                         {"quote", citation.quote()}});
  }
  nlohmann::json retrieved = nlohmann::json::array();
  for (const v1::RetrievedChunk& chunk : result.retrieved()) {
    retrieved.push_back({{"document", chunk.document_id()},
                         {"chunk_id", chunk.chunk_id()},
                         {"text", chunk.text()}});
  }
  return {{"answer", result.answer()},
          {"refused", result.refused()},
          {"refusal_reason", result.refusal_reason()},
          {"reasoning", result.reasoning()},
          {"citations", citations},
          {"retrieved", retrieved},
          {"usage",
           {{"prompt_tokens", result.usage().prompt_tokens()},
            {"cached_tokens", result.usage().cached_tokens()},
            {"completion_tokens", result.usage().completion_tokens()}}},
          {"audit", {{"index", result.audit().index()}, {"leaf_hash", result.audit().leaf_hash()}}},
          {"model", result.model()},
          {"finish_reason", result.finish_reason()}};
}

void PrintSources(const v1::AskResult& result) {
  std::printf("\n");
  for (const v1::Citation& citation : result.citations()) {
    std::printf("[%d] %s (%s)", citation.n(), Printable(citation.title()).c_str(),
                Printable(citation.document_id()).c_str());
    if (citation.page() > 0) std::printf(", page %d", citation.page());
    std::printf("\n    \"%s\"\n", Printable(citation.quote()).c_str());
  }
  std::printf("audit record %llu\n", static_cast<unsigned long long>(result.audit().index()));
}

Status RunAsk(const Invocation& invocation, const v1::AskRequest& request) {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = v1::Assistant::NewStub(connection->channel());
  grpc::ClientContext context;
  connection->Prepare(context, absl::Minutes(10));
  const auto reader = stub->Ask(&context, request);
  v1::AskEvent event;
  bool finished = false;
  while (reader->Read(&event)) {
    if (event.has_result()) {
      finished = true;
      if (invocation.json) {
        PrintJson(ToJson(event.result()));
      } else {
        PrintSources(event.result());
      }
    } else if (!invocation.json && !event.content_delta().empty()) {
      std::printf("%s", event.content_delta().c_str());
      std::fflush(stdout);
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return CallError(status);
  if (!finished) return Internal("the answer ended without a result");
  return OkStatus();
}

}  // namespace

void AddAsk(CLI::App& app, Invocation& invocation) {
  struct Options {
    std::string question, kb, model;
    int top_k = 0;
    int max_tokens = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* ask = app.add_subcommand("ask", "Ask a question; the answer cites its sources");
  ask->add_option("QUESTION", options->question)->required();
  ask->add_option("--kb", options->kb, "Knowledge base to answer from")->required();
  ask->add_option("--model", options->model, "Chat model (default: the appliance's)");
  ask->add_option("-k", options->top_k, "Chunks to retrieve")->check(CLI::Range(1, 100));
  ask->add_option("--max-tokens", options->max_tokens, "Length of the answer")
      ->check(CLI::Range(1, 8192));
  ask->footer("Example:\n  hadal ask \"主变顶层油温报警值是多少？\" --kb manuals -o json");
  ask->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      v1::AskRequest request;
      request.set_question(options->question);
      request.set_knowledge_base(options->kb);
      request.set_model(options->model);
      request.set_top_k(options->top_k);
      request.set_max_tokens(options->max_tokens);
      return RunAsk(invocation, request);
    };
  });
}

}  // namespace hadal::cli
