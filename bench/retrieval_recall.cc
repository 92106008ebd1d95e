// Recall of the whole retrieval path over a labelled set (ops/eval/README.md: manifest.jsonl,
// principals.jsonl, questions.jsonl): files through the sandboxed parser, chunker, embedding model
// and store in this process, each question asked as its principal. With --vectors a second run
// embeds nothing, so that ranking can be tuned in seconds. Prints both channels alone beside their
// fusion, and writes one line a question for the set's own scorer.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/utf8.h"
#include "bench/cached_embedder.h"
#include "bench/refusal_table.h"
#include "ops/eval/labelled_set.h"
#include "ops/eval/metrics.h"
#include "retrieval/clean/text_folder.h"
#include "retrieval/knowledge_store.h"
#include "services/parser/parser_pool.h"
#include "services/retrieval/ingest.h"

namespace hadal {
namespace {

using nlohmann::json;

struct Options {
  std::string set;
  std::string model = "models/multilingual-e5-small-q4_0.gguf";
  std::string parser = "build/release/bin/hadal-parser";
  std::string results;
  std::string vectors;
  std::string reference_text;
  bool simplified = false;
  bool untitled = false;
  bool refusals = false;
  int32_t every = 1;
  int32_t threads = 2;
  int32_t k = 10;
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

v1::DocumentHeader HeaderOf(const json& entry, bool untitled) {
  v1::DocumentHeader header;
  header.set_knowledge_base("set");
  header.set_document_id(entry.at("id").get<std::string>());
  if (!untitled) header.set_title(entry.value("title", ""));
  header.set_file_name(entry.at("file").get<std::string>());
  header.mutable_label()->set_classification(Level(entry.value("classification", "public")));
  for (const json& name : entry.value("compartments", json::array())) {
    header.mutable_label()->add_compartments(name);
  }
  for (const json& name : entry.value("groups", json::array())) {
    header.mutable_label()->add_groups(name);
  }
  return header;
}

Status AddDocuments(const Options& options, const retrieval_service::Ingest& ingest,
                    retrieval::TokenCounter& tokens, retrieval::KnowledgeStore& store) {
  int32_t documents = 0;
  int32_t chunks = 0;
  for (const json& entry : ReadLines(options.set + "/manifest.jsonl")) {
    v1::DocumentHeader header = HeaderOf(entry, options.untitled);
    ASSIGN_OR_RETURN(std::string content, ReadFile(options.set + "/" + header.file_name()));
    ASSIGN_OR_RETURN(v1::AddDocumentResponse added,
                     ingest.Add(store, tokens, header, content).response);
    if (!added.accepted() && !options.reference_text.empty()) {
      std::printf("%s: %s, its reference text instead\n", header.document_id().c_str(),
                  added.reason_code().c_str());
      header.set_file_name(header.document_id() + ".txt");
      ASSIGN_OR_RETURN(content, ReadFile(options.reference_text + "/" + header.file_name()));
      ASSIGN_OR_RETURN(added, ingest.Add(store, tokens, header, content).response);
    }
    if (!added.accepted()) {
      std::printf("%s %s: %s\n", header.document_id().c_str(), header.file_name().c_str(),
                  added.reason_code().c_str());
    }
    documents += added.accepted() ? 1 : 0;
    chunks += added.chunks();
  }
  std::printf("%d documents, %d chunks\n", documents, chunks);
  return OkStatus();
}

std::map<std::string, retrieval::AccessFilter> ReadPrincipals(const std::string& path) {
  std::map<std::string, retrieval::AccessFilter> principals;
  principals[""].clearance = retrieval::Classification::kPublic;
  for (const json& principal : ReadLines(path)) {
    retrieval::AccessFilter& filter = principals[principal.at("id")];
    filter.clearance = static_cast<retrieval::Classification>(Level(principal.at("clearance")));
    for (const json& name : principal.at("compartments")) filter.compartments.push_back(name);
    for (const json& name : principal.at("groups")) filter.groups.push_back(name);
  }
  return principals;
}

// The hits by one channel's score alone. Fusion has been asked for so many that what a channel
// puts first is among them.
std::vector<retrieval::SearchHit> ByChannel(std::vector<retrieval::SearchHit> hits,
                                            float retrieval::SearchHit::*score) {
  std::stable_sort(hits.begin(), hits.end(),
                   [score](const auto& a, const auto& b) { return a.*score > b.*score; });
  return hits;
}

eval::Reply ReplyOf(const std::vector<retrieval::SearchHit>& hits, size_t k) {
  eval::Reply reply;
  for (size_t i = 0; i < std::min(k, hits.size()); ++i) {
    reply.retrieved.push_back({hits[i].document_id, hits[i].chunk.text});
  }
  return reply;
}

json ResultLine(const eval::Question& question, const std::vector<retrieval::SearchHit>& hits,
                size_t k) {
  json retrieved = json::array();
  for (size_t i = 0; i < std::min(k, hits.size()); ++i) {
    const retrieval::SearchHit& hit = hits[i];
    retrieved.push_back({{"document", hit.document_id},
                         {"text", hit.chunk.text},
                         {"score", hit.score},
                         {"dense", hit.dense_score},
                         {"lexical", hit.lexical_score},
                         {"coverage", hit.lexical_coverage}});
  }
  return {{"question_id", question.id},
          {"principal", question.principal},
          {"retrieved", retrieved},
          {"answer", ""}};
}

void PrintRow(const char* channel, const std::string& kind, const eval::Totals& totals) {
  const double n = totals.questions;
  std::printf("%-8s %-24s %5d ", channel, kind.c_str(), totals.questions);
  for (const double recall : totals.recall) std::printf(" %.3f", recall / n);
  std::printf("  %.3f  %.3f\n", totals.reciprocal_rank / n, totals.ndcg / n);
}

void PrintReport(const char* channel, const eval::Report& report) {
  for (const auto& [kind, totals] : report.kinds) {
    if (!totals.recall.empty()) PrintRow(channel, kind, totals);
  }
  PrintRow(channel, "all", report.Answerable());
}

Status Ask(const Options& options, retrieval::KnowledgeStore& store) {
  constexpr int32_t kChannelDepth = 200;
  constexpr size_t kAnswerTopK = 8;  // AnswererOptions::top_k
  ASSIGN_OR_RETURN(const eval::LabelledSet set,
                   eval::ReadLabelledSet(options.set + "/questions.jsonl"));
  ASSIGN_OR_RETURN(const auto folder, retrieval::TextFolder::Create());
  const auto principals = ReadPrincipals(options.set + "/principals.jsonl");
  std::ofstream out(options.results);
  eval::Report fused{{1, 3, 5, 10}, {}, {}};
  eval::Report dense = fused;
  eval::Report lexical = fused;
  RefusalTable refusals;
  const size_t k = static_cast<size_t>(options.k);
  for (size_t q = 0; q < set.questions.size(); q += static_cast<size_t>(options.every)) {
    const eval::Question& question = set.questions[q];
    std::string text = question.text;
    if (options.simplified) {
      text.clear();
      for (const char32_t c : folder->Fold(question.text)) AppendUtf8(c, text);
    }
    const auto principal = principals.find(question.principal);
    if (principal == principals.end()) {
      return InvalidArgument("{}: no principal '{}' in principals.jsonl", question.id,
                             question.principal);
    }
    ASSIGN_OR_RETURN(
        const retrieval::SearchResult result,
        store.Search("set", text, std::max(options.k, kChannelDepth), principal->second));
    const auto by_dense = ByChannel(result.hits, &retrieval::SearchHit::dense_score);
    const auto by_words = ByChannel(result.hits, &retrieval::SearchHit::lexical_score);
    eval::Score(set, question, ReplyOf(result.hits, k), fused);
    eval::Score(set, question, ReplyOf(by_dense, k), dense);
    eval::Score(set, question, ReplyOf(by_words, k), lexical);
    if (options.refusals) {
      const size_t shown = std::min<size_t>(result.hits.size(), kAnswerTopK);
      refusals.Add(question.text, {result.hits.begin(), result.hits.begin() + shown},
                   question.answerable());
    }
    if (out.is_open()) out << ResultLine(question, result.hits, k).dump() << "\n";
  }
  std::printf("%-8s %-24s %5s   R@1   R@3   R@5   R@10  MRR    nDCG\n", "", "kind", "n");
  PrintReport("BM25", lexical);
  PrintReport("dense", dense);
  PrintReport("fused", fused);
  std::printf("leakage: %zu\n", fused.leaks.size());
  if (options.refusals) refusals.Print();
  return OkStatus();
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const std::shared_ptr<CachedEmbedder> embedder,
                   CachedEmbedder::Create(options.model, options.vectors, options.threads));
  ASSIGN_OR_RETURN(const std::unique_ptr<TempDir> folder, TempDir::Create("recall"));
  retrieval::KnowledgeStoreOptions store_options;
  store_options.path = folder->path() + "/store";
  store_options.embed_first_chunks = store_options.max_chunks_per_document;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<retrieval::KnowledgeStore> store,
      retrieval::KnowledgeStore::Open(store_options, embedder, std::make_shared<SystemClock>()));
  RETURN_IF_ERROR(store->CreateBase("set", "").status());
  parser::ParserPoolOptions pool_options;
  pool_options.program = options.parser;
  ASSIGN_OR_RETURN(std::shared_ptr<parser::ParserPool> parsers,
                   parser::ParserPool::Create(pool_options));
  ASSIGN_OR_RETURN(std::shared_ptr<const retrieval::TextFolder> folding,
                   retrieval::TextFolder::Create());
  const retrieval_service::Ingest ingest({}, std::move(parsers), std::move(folding));
  RETURN_IF_ERROR(AddDocuments(options, ingest, *embedder, *store));
  return Ask(options, *store);
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  hadal::Options options;
  CLI::App app("Recall of retrieval over a labelled set, by channel and kind");
  app.add_option("--set", options.set, "folder with manifest.jsonl and questions.jsonl")
      ->required();
  app.add_option("--model", options.model, "embedding model")->capture_default_str();
  app.add_option("--parser", options.parser, "path of hadal-parser")->capture_default_str();
  app.add_option("--vectors", options.vectors, "file that keeps the vectors between runs");
  app.add_option("--reference-text", options.reference_text,
                 "folder of ID.txt, read where the file itself is refused");
  app.add_flag("--simplified", options.simplified, "questions folded to simplified characters");
  app.add_flag("--untitled", options.untitled, "leave the manifest's titles out");
  app.add_flag("--refusals", options.refusals,
               "what a threshold on the evidence of the first 8 chunks would refuse");
  app.add_option("--every", options.every, "only each so many-th question")
      ->check(CLI::PositiveNumber);
  app.add_option("--results", options.results, "written, for the scorer");
  app.add_option("--threads", options.threads, "for the model")->capture_default_str();
  app.add_option("-k", options.k, "chunks a question")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const hadal::Status status = hadal::Run(options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", hadal::StatusMessage(status).c_str());
  return status.ok() ? 0 : 1;
}
