// hadal-model bench MODEL: tokens per second of the model alone, and what share of the machine
// that is.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "inference/embedder.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/model/decoder_bench.h"
#include "inference/model/step_cost.h"
#include "inference/tool/commands.h"
#include "inference/tool/json_lines.h"
#include "inference/tool/machine_peak.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference::tool {
namespace {

constexpr int32_t kPassages = 32;
constexpr int32_t kPassageTokens = 300;

struct Options {
  std::string model;
  DecoderBenchOptions decoder{.expanded_prefill = 512, .generated_tokens = 128};
  int32_t threads = 0;
  std::string texts;
  bool json = false;
};

using Figures = nlohmann::ordered_json;

// By instruction set: kernels that use one are not measured by the other.
Figures SharesOfInt8(const MachinePeak& peak, double multiply_adds_per_second) {
  Figures shares;
  for (const Int8Peak& int8 : peak.int8) {
    shares[int8.isa] = 2 * multiply_adds_per_second / int8.ops_per_second;
  }
  return shares;
}

Figures MachineFigures(const MachinePeak& peak) {
  Figures int8;
  for (const Int8Peak& found : peak.int8) int8[found.isa] = found.ops_per_second * 1e-9;
  return {{"read_gb_per_second", peak.read_bytes_per_second * 1e-9}, {"int8_gop_per_second", int8}};
}

StatusOr<Figures> BenchChatModel(const Checkpoint& checkpoint, const Options& options,
                                 const MachinePeak& peak, std::shared_ptr<ThreadPool> pool) {
  const DecoderBenchOptions& work = options.decoder;
  DecoderOptions form;
  form.expanded_prefill = work.expanded_prefill > 0;
  ASSIGN_OR_RETURN(const auto decoder, LoadDecoder(checkpoint, form, std::move(pool)));
  ASSIGN_OR_RETURN(const DecoderBench bench, BenchDecoder(*decoder, work));
  Figures figures{{"prompts", Figures::array()}, {"generation", {}}, {"streams", Figures::array()}};
  for (size_t i = 0; i < work.prompts.size(); ++i) {
    ASSIGN_OR_RETURN(const StepCost step, CostOfStep(checkpoint, work.prompts[i], 1));
    const double per_token = step.multiply_adds / work.prompts[i];
    figures["prompts"].push_back(
        {{"tokens", work.prompts[i]},
         {"tokens_per_second", bench.prompts[i]},
         {"multiply_adds_per_token", per_token},
         {"share_of_int8", SharesOfInt8(peak, per_token * bench.prompts[i])}});
  }
  const auto generation = [&](int32_t streams, int32_t tokens, double speed) -> StatusOr<Figures> {
    // Streams of the same text choose the experts that one of them would.
    const int32_t texts = work.same_text ? 1 : streams;
    ASSIGN_OR_RETURN(const StepCost step, CostOfStep(checkpoint, texts, streams));
    const double kv = static_cast<double>(decoder->kv_layout().BytesPerToken());
    const double per_token = step.weight_bytes / streams + kv * MeanContext(tokens);
    return Figures{{"streams", streams},
                   {"tokens", tokens},
                   {"tokens_per_second", speed},
                   {"bytes_per_token", per_token},
                   {"share_of_bandwidth", per_token * speed / peak.read_bytes_per_second}};
  };
  ASSIGN_OR_RETURN(figures["generation"], generation(1, work.generated_tokens, bench.generation));
  for (size_t i = 0; i < work.streams.size(); ++i) {
    ASSIGN_OR_RETURN(Figures found,
                     generation(work.streams[i], work.stream_tokens, bench.streams[i]));
    figures["streams"].push_back(std::move(found));
  }
  return figures;
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

StatusOr<Figures> BenchEmbedder(const Checkpoint& checkpoint, const Options& options,
                                const MachinePeak& peak, std::shared_ptr<ThreadPool> pool) {
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
  ASSIGN_OR_RETURN(const StepCost step, CostOfStep(checkpoint, found.tokens, 0));
  return Figures{{"passages", passages},
                 {"passage_tokens", found.tokens / passages},
                 {"passages_per_second", passages / median},
                 {"embedding_tokens_per_second", found.tokens / median},
                 {"share_of_int8", SharesOfInt8(peak, step.multiply_adds / median)}};
}

// One line a figure: "prompts 512 tokens_per_second  431.0".
void Print(const std::string& name, const Figures& value) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) Print(name + " " + key, inner);
  } else if (value.is_array()) {
    for (const Figures& row : value) {
      Figures rest = row;
      const Figures size = rest.front();
      rest.erase(rest.begin());
      Print(name + " " + size.dump(), rest);
    }
  } else if (value.is_number_float()) {
    const double number = value.get<double>();
    std::printf("%-48s %.*f\n", name.c_str(), number < 10 ? 3 : 1, number);
  } else {
    std::printf("%-48s %s\n", name.c_str(), value.dump().c_str());
  }
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::Open(options.model));
  auto pool = std::make_shared<ThreadPool>(options.threads);
  ASSIGN_OR_RETURN(const MachinePeak peak, MeasureMachine(*pool));
  Figures figures{{"model", options.model},
                  {"threads", pool->num_threads()},
                  {"machine", MachineFigures(peak)}};
  const bool encoder = checkpoint->config().architecture == "bert";
  ASSIGN_OR_RETURN(const Figures found, encoder ? BenchEmbedder(*checkpoint, options, peak, pool)
                                                : BenchChatModel(*checkpoint, options, peak, pool));
  figures.update(found);
  if (options.json) {
    std::printf("%s\n", figures.dump().c_str());
    return OkStatus();
  }
  for (const auto& [key, value] : figures.items()) Print(key, value);
  return OkStatus();
}

}  // namespace

void AddBench(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("bench", "Measures tokens per second");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  command->add_option("--prompt", options->decoder.prompts, "tokens of a prompt; several times")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--expanded-prefill", options->decoder.expanded_prefill,
                   "latent attention: chunks of a prompt in the expanded form, as inference's "
                   "setting of this name; 0: none")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command->add_option("--gen", options->decoder.generated_tokens, "tokens generated one by one")
      ->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command
      ->add_option("--streams", options->decoder.streams,
                   "sequences generated together; several times")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--same-text", options->decoder.same_text,
                    "streams have the same text, so that routers choose the same experts for all");
  command->add_option("--repeats", options->decoder.repeats, "runs; the median is shown")
      ->check(CLI::Range(1, 100))->capture_default_str();
  command->add_option("--texts", options->texts,
                      "embedding models: rows with \"text\" to embed as passages");
  command->add_flag("--json", options->json, "print JSON");
  command->footer("example: hadal-model bench model.gguf --threads 2 --json");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
