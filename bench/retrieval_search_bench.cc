// The index at scale: what it costs to build, hold and open, and a search by what its reader may
// see.
//   retrieval_search_bench [--chunks N] [--seal N] [--questions N] [--folder PATH]
// Times of searches are processor times of the searching thread. A million chunks need 4 GB of
// disk.

#include <sys/resource.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "bench/synthetic_base.h"

namespace hadal::retrieval {
namespace {

double Seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Wall and processor seconds since it was made.
struct Stopwatch {
  double wall = Seconds(CLOCK_MONOTONIC);
  double cpu = Seconds(CLOCK_PROCESS_CPUTIME_ID);

  void Print(const char* what) const {
    std::printf("%s: %.2f s, processor %.2f s\n", what, Seconds(CLOCK_MONOTONIC) - wall,
                Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    std::fflush(stdout);
  }
};

double MaxResidentGib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

double FolderGib(const std::string& folder) {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) bytes += entry.file_size();
  return static_cast<double>(bytes) / (1 << 30);
}

struct Options {
  uint64_t chunks = 200'000;
  int64_t seal = 131'072;
  int questions = 300;
  std::string folder;
};

void Search(const BaseIndex& index, const std::vector<IndexQuery>& questions) {
  std::printf("\n| allowed | chunks | p50 ms | p99 ms | examined | complete |\n");
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  for (const int64_t part : {1, 10, 100, 1000, 10000}) {
    const AccessFilter reader = SyntheticBase::Reader(part);
    std::vector<double> times;
    IndexResult result;
    int64_t examined = 0;
    int complete = 0;
    for (const IndexQuery& question : questions) {
      const double before = Seconds(CLOCK_THREAD_CPUTIME_ID);
      result = index.Search(question, 10, reader);
      times.push_back(1e3 * (Seconds(CLOCK_THREAD_CPUTIME_ID) - before));
      examined += result.examined;
      complete += result.complete;
    }
    std::sort(times.begin(), times.end());
    std::printf("| %g %% | %ld | %.2f | %.2f | %ld | %d of %zu |\n",
                100.0 / static_cast<double>(part), static_cast<long>(result.chunks_allowed),
                times[times.size() / 2], times[times.size() * 99 / 100],
                static_cast<long>(examined / static_cast<int64_t>(questions.size())), complete,
                questions.size());
    std::fflush(stdout);
  }
}

Status Run(const Options& options) {
  const BaseIndexOptions index_options = {.folder = options.folder,
                                          .dim = SyntheticBase::kDim,
                                          .embedding_model = "synthetic",
                                          .seal_chunks = options.seal};
  SyntheticBase base;
  std::vector<IndexQuery> questions;
  for (int i = 0; i < options.questions; ++i) questions.push_back(base.Question());
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<BaseIndex> index, BaseIndex::Open(index_options));
    index->Reconcile({});
    const Stopwatch build;
    while (base.chunks() < options.chunks) {
      base.AddDocument(*index);
      if (base.chunks() % 1000 == 0) RETURN_IF_ERROR(index->Maintain());
    }
    build.Print("made and indexed");
    Search(*index, questions);
    std::printf("largest resident memory %.2f GiB, on disk %.2f GiB\n", MaxResidentGib(),
                FolderGib(options.folder));
  }
  const Stopwatch restart;
  ASSIGN_OR_RETURN(const std::unique_ptr<BaseIndex> index, BaseIndex::Open(index_options));
  const BaseIndex::Missing missing = index->Reconcile(base.live());
  index->Search(questions.front(), 10, SyntheticBase::Reader(1));
  restart.Print("opened, reconciled and first answered");
  uint64_t to_feed = 0;
  for (const ChunkRange& range : missing.chunks) to_feed += range.count;
  std::printf("chunks that were only in memory: %lu\n", static_cast<unsigned long>(to_feed));
  return OkStatus();
}

}  // namespace
}  // namespace hadal::retrieval

int main(int argc, char** argv) {
  hadal::retrieval::Options options;
  CLI::App app("Search and memory of an index at scale");
  app.add_option("--chunks", options.chunks, "chunks in the base");
  app.add_option("--seal", options.seal, "chunks in a sealed segment");
  app.add_option("--questions", options.questions, "questions by selectivity");
  app.add_option("--folder", options.folder, "an empty folder for the files; default: temporary");
  CLI11_PARSE(app, argc, argv);
  std::unique_ptr<hadal::TempDir> temporary;
  if (options.folder.empty()) {
    auto created = hadal::TempDir::Create();
    if (created.ok()) temporary = *std::move(created);
    if (temporary != nullptr) options.folder = temporary->path() + "/index";
  }
  const hadal::Status status = hadal::retrieval::Run(options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", hadal::StatusMessage(status).c_str());
  return status.ok() ? 0 : 1;
}
