// Recall of the whole retrieval path over a labelled corpus (manifest.jsonl, principals.jsonl,
// questions.jsonl): files through the sandboxed parser, chunker, embedding model and store, each
// question asked as its principal. Writes one line a question for the corpus' own scorer.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "inference/embedder.h"
#include "inference/kernels/thread_pool.h"
#include "retrieval/embedder.h"
#include "retrieval/knowledge_store.h"
#include "services/parser/parser_pool.h"
#include "services/retrieval/ingest.h"

namespace hadal {
namespace {

using nlohmann::json;

class LocalEmbedder final : public retrieval::Embedder, public retrieval::TokenCounter {
 public:
  explicit LocalEmbedder(std::unique_ptr<inference::Embedder> model) : model_(std::move(model)) {}
  std::string model_id() const override { return "local"; }
  int32_t dim() const override { return model_->dim(); }
  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                             retrieval::EmbedPriority) override {
    return Embed(texts, inference::EmbedKind::kPassage);
  }
  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override {
    return Embed({query}, inference::EmbedKind::kQuery);
  }
  int32_t max_tokens() const override { return model_->max_tokens() - kAroundText; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override {
    std::vector<int32_t> counts;
    for (const std::string& text : texts) counts.push_back(model_->CountTokens(text));
    return counts;
  }

 private:
  static constexpr int32_t kAroundText = 8;  // prefix and special tokens, and a reserve

  StatusOr<std::vector<float>> Embed(const std::vector<std::string>& texts,
                                     inference::EmbedKind kind) {
    std::vector<float> vectors;
    for (size_t begin = 0; begin < texts.size(); begin += 16) {
      const size_t end = std::min(begin + 16, texts.size());
      ASSIGN_OR_RETURN(const inference::Embeddings part,
                       model_->Embed({texts.begin() + static_cast<std::ptrdiff_t>(begin),
                                      texts.begin() + static_cast<std::ptrdiff_t>(end)},
                                     kind));
      vectors.insert(vectors.end(), part.values.begin(), part.values.end());
    }
    return vectors;
  }
  const std::unique_ptr<inference::Embedder> model_;
};

std::vector<json> ReadLines(const std::string& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(json::parse(line));
  }
  return lines;
}

v1::Classification Level(const std::string& name) {
  static const std::map<std::string, v1::Classification> levels = {
      {"public", v1::CLASSIFICATION_PUBLIC},
      {"internal", v1::CLASSIFICATION_INTERNAL},
      {"confidential", v1::CLASSIFICATION_CONFIDENTIAL},
      {"secret", v1::CLASSIFICATION_SECRET}};
  return levels.at(name);
}

Status AddCorpus(const std::string& corpus, const retrieval_service::Ingest& ingest,
                 retrieval::TokenCounter& tokens, retrieval::KnowledgeStore& store) {
  for (const json& entry : ReadLines(corpus + "/manifest.jsonl")) {
    v1::DocumentHeader header;
    header.set_knowledge_base("corpus");
    header.set_document_id(entry.at("id").get<std::string>());
    header.set_title(entry.at("title").get<std::string>());
    header.set_file_name(entry.at("file").get<std::string>());
    header.mutable_label()->set_classification(Level(entry.at("classification")));
    for (const json& name : entry.at("compartments"))
      header.mutable_label()->add_compartments(name);
    for (const json& name : entry.at("groups")) header.mutable_label()->add_groups(name);
    ASSIGN_OR_RETURN(const std::string content, ReadFile(corpus + "/" + header.file_name()));
    const absl::Time start = absl::Now();
    ASSIGN_OR_RETURN(const v1::AddDocumentResponse added,
                     ingest.Add(store, tokens, header, content));
    std::printf("%s %s: %s %d chunks, %.1f s\n", header.document_id().c_str(),
                header.file_name().c_str(),
                added.accepted() ? "accepted" : added.reason_code().c_str(), added.chunks(),
                absl::ToDoubleSeconds(absl::Now() - start));
  }
  return OkStatus();
}

retrieval::AccessFilter FilterOf(const json& principal) {
  retrieval::AccessFilter filter;
  filter.clearance = static_cast<retrieval::Classification>(Level(principal.at("clearance")));
  for (const json& name : principal.at("compartments")) filter.compartments.push_back(name);
  for (const json& name : principal.at("groups")) filter.groups.push_back(name);
  return filter;
}

Status Ask(const std::string& corpus, retrieval::KnowledgeStore& store, int32_t k,
           std::ofstream& out) {
  std::map<std::string, retrieval::AccessFilter> principals;
  for (const json& principal : ReadLines(corpus + "/principals.jsonl")) {
    principals[principal.at("id")] = FilterOf(principal);
  }
  const absl::Time start = absl::Now();
  int questions = 0;
  for (const json& question : ReadLines(corpus + "/questions.jsonl")) {
    const std::string principal = question.at("principal");
    ASSIGN_OR_RETURN(const retrieval::SearchResult result,
                     store.Search("corpus", question.at("question").get<std::string>(), k,
                                  principals.at(principal)));
    json retrieved = json::array();
    for (const retrieval::SearchHit& hit : result.hits) {
      retrieved.push_back({{"document", hit.document_id},
                           {"text", hit.chunk.text},
                           {"score", hit.score},
                           {"dense", hit.dense_score},
                           {"lexical", hit.lexical_score},
                           {"coverage", hit.lexical_coverage}});
    }
    out << json{{"question_id", question.at("id")},
                {"principal", principal},
                {"retrieved", retrieved},
                {"answer", ""}}
               .dump()
        << "\n";
    ++questions;
  }
  std::printf("%d questions, %.1f ms each\n", questions,
              absl::ToDoubleMilliseconds(absl::Now() - start) / questions);
  return OkStatus();
}

Status Run(const std::string& corpus, const std::string& model, const std::string& parser,
           const std::string& results, int32_t threads, int32_t k) {
  const auto pool = std::make_shared<inference::ThreadPool>(threads);
  ASSIGN_OR_RETURN(std::unique_ptr<inference::Embedder> loaded,
                   inference::Embedder::Load(model, pool));
  auto embedder = std::make_shared<LocalEmbedder>(std::move(loaded));
  ASSIGN_OR_RETURN(const std::unique_ptr<TempDir> folder, TempDir::Create("recall"));
  retrieval::KnowledgeStoreOptions options;
  options.path = folder->path() + "/store";
  ASSIGN_OR_RETURN(
      const std::unique_ptr<retrieval::KnowledgeStore> store,
      retrieval::KnowledgeStore::Open(options, embedder, std::make_shared<SystemClock>()));
  RETURN_IF_ERROR(store->CreateBase("corpus", "").status());
  parser::ParserPoolOptions pool_options;
  pool_options.program = parser;
  ASSIGN_OR_RETURN(std::shared_ptr<parser::ParserPool> parsers,
                   parser::ParserPool::Create(pool_options));
  ASSIGN_OR_RETURN(std::shared_ptr<const retrieval::TextFolder> text_folder,
                   retrieval::TextFolder::Create());
  const retrieval_service::Ingest ingest({}, std::move(parsers), std::move(text_folder));
  RETURN_IF_ERROR(AddCorpus(corpus, ingest, *embedder, *store));
  std::ofstream out(results);
  return Ask(corpus, *store, k, out);
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  std::string corpus;
  std::string model = "models/multilingual-e5-small-q4_0.gguf";
  std::string parser = "build/release/bin/hadal-parser";
  std::string results = "results.jsonl";
  int32_t threads = 2;
  int32_t k = 10;
  CLI::App app("Recall of retrieval over a labelled corpus");
  app.add_option("--corpus", corpus, "folder with manifest.jsonl")->required();
  app.add_option("--model", model, "embedding model")->capture_default_str();
  app.add_option("--parser", parser, "path of hadal-parser")->capture_default_str();
  app.add_option("--results", results, "written, for the scorer")->capture_default_str();
  app.add_option("--threads", threads, "for the model")->capture_default_str();
  app.add_option("-k", k, "chunks a question")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const hadal::Status status = hadal::Run(corpus, model, parser, results, threads, k);
  if (!status.ok()) std::fprintf(stderr, "%s\n", hadal::StatusMessage(status).c_str());
  return status.ok() ? 0 : 1;
}
