// hadal-model bench MODEL: tokens per second of the model alone.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "inference/embedder.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/model/decoder_bench.h"
#include "inference/tool/commands.h"
#include "inference/tool/json_lines.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference::tool {
namespace {

constexpr int32_t kPassages = 32;
constexpr int32_t kPassageTokens = 300;

struct Options {
  std::string model;
  DecoderBenchOptions decoder{512, 128, 8, 32, 3};
  int32_t threads = 0;
  std::string texts;
  bool json = false;
};

using Figures = nlohmann::ordered_json;

StatusOr<Figures> BenchChatModel(const Checkpoint& checkpoint, const Options& options,
                                 std::shared_ptr<ThreadPool> pool) {
  ASSIGN_OR_RETURN(const auto decoder, LoadDecoder(checkpoint, DecoderOptions{}, std::move(pool)));
  ASSIGN_OR_RETURN(const DecoderBench bench, BenchDecoder(*decoder, options.decoder));
  return Figures{{"prompt_tokens", options.decoder.prompt_tokens},
                 {"prompt_tokens_per_second", bench.prompt},
                 {"generated_tokens", options.decoder.generated_tokens},
                 {"generation_tokens_per_second", bench.generation},
                 {"streams", options.decoder.streams},
                 {"parallel_tokens_per_second", bench.parallel}};
}

/// Passages as ingest sends them: those of a file, or made-up tokens.
StatusOr<Embeddings> EmbedPassages(Embedder& embedder, const std::vector<std::string>& texts) {
  if (!texts.empty()) return embedder.Embed(texts, EmbedKind::kPassage);
  const int32_t length = std::min(kPassageTokens, embedder.max_tokens());
  std::vector<std::vector<int32_t>> passages(kPassages,
                                             std::vector<int32_t>(static_cast<size_t>(length)));
  for (size_t p = 0; p < passages.size(); ++p) {
    for (size_t i = 0; i < passages[p].size(); ++i) {
      passages[p][i] = static_cast<int32_t>(1000 + (p * 7919 + i * 104729) % 20000);
    }
  }
  return embedder.EmbedTokens(passages);
}

StatusOr<Figures> BenchEmbedder(const Options& options, std::shared_ptr<ThreadPool> pool) {
  std::vector<std::string> texts;
  if (!options.texts.empty()) {
    ASSIGN_OR_RETURN(const auto rows, ReadJsonLines(options.texts));
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSIGN_OR_RETURN(texts.emplace_back(), StringField(rows[i], i + 1, "text"));
    }
  }
  ASSIGN_OR_RETURN(const auto embedder, Embedder::Load(options.model, std::move(pool)));
  std::vector<double> seconds;
  Embeddings found;
  for (int32_t repeat = 0; repeat < options.decoder.repeats; ++repeat) {
    const absl::Time start = absl::Now();
    ASSIGN_OR_RETURN(found, EmbedPassages(*embedder, texts));
    seconds.push_back(absl::ToDoubleSeconds(absl::Now() - start));
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const auto passages = static_cast<double>(found.values.size()) / found.dim;
  return Figures{{"passages", passages},
                 {"passage_tokens", found.tokens / passages},
                 {"passages_per_second", passages / median},
                 {"embedding_tokens_per_second", found.tokens / median}};
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::Open(options.model));
  auto pool = std::make_shared<ThreadPool>(options.threads);
  Figures figures{{"model", options.model}, {"threads", pool->num_threads()}};
  if (checkpoint->config().architecture == "bert") {
    ASSIGN_OR_RETURN(const Figures found, BenchEmbedder(options, pool));
    figures.update(found);
  } else {
    ASSIGN_OR_RETURN(const Figures found, BenchChatModel(*checkpoint, options, pool));
    figures.update(found);
  }
  if (options.json) {
    std::printf("%s\n", figures.dump().c_str());
    return OkStatus();
  }
  for (const auto& [key, value] : figures.items()) {
    std::printf("%-30s %s\n", key.c_str(),
                value.is_number_float() ? fmt::format("{:.1f}", value.get<double>()).c_str()
                                        : value.dump().c_str());
  }
  return OkStatus();
}

}  // namespace

void AddBench(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("bench", "Measures tokens per second");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  command->add_option("--prompt", options->decoder.prompt_tokens, "tokens of the prompt")
      ->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command->add_option("--gen", options->decoder.generated_tokens, "tokens generated one by one")
      ->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command->add_option("--streams", options->decoder.streams, "sequences generated together")
      ->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--repeats", options->decoder.repeats, "runs; the median is shown")
      ->check(CLI::Range(1, 100))->capture_default_str();
  command->add_option("--texts", options->texts,
                      "embedding models: rows with \"text\" to embed as passages");
  command->add_flag("--json", options->json, "print JSON");
  command->footer("example: hadal-model bench model.gguf --threads 2 --json");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
