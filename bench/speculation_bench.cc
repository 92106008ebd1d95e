// Generation with and without prompt lookup, the same requests through the same engine, one stream
// and several at once, runs alternating. Prints one JSON line per kind of prompt.
//   speculation_bench MODEL PROMPTS.jsonl [THREADS [ROUNDS [TOKENS]]]
// Rows of PROMPTS: {"kind": "...", "text": "..."} (bench/speculation_prompts.py writes them).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "bench/measure.h"
#include "inference/chat_model.h"

namespace hadal::inference {
namespace {

using bench::Median;
using Clock = std::chrono::steady_clock;

struct Run {
  double seconds = 0;
  int64_t tokens = 0;
  int64_t drafted = 0;
  int64_t accepted = 0;
};

/// Generates for all prompts, `streams` at a time; only the time after the first token counts.
Run Generate(const ChatModel& model, const std::vector<std::vector<int32_t>>& prompts,
             size_t streams, int32_t max_tokens) {
  Run run;
  const EngineStats before = model.engine->Stats();
  for (size_t begin = 0; begin < prompts.size(); begin += streams) {
    std::vector<std::unique_ptr<GenerationStream>> running;
    for (size_t i = begin; i < std::min(begin + streams, prompts.size()); ++i) {
      GenerateRequest request;
      request.prompt_tokens = prompts[i];
      request.sampling.max_tokens = max_tokens;
      auto stream = model.engine->Submit(std::move(request));
      CHECK(stream.ok());
      running.push_back(*std::move(stream));
    }
    int64_t tokens = 0;
    for (auto& stream : running) tokens -= stream->Next()->token_ids.size();
    const auto start = Clock::now();
    for (auto& stream : running) {
      while (auto delta = stream->Next()) {
        if (delta->finished) tokens += delta->usage.completion_tokens;
      }
    }
    run.seconds += std::chrono::duration<double>(Clock::now() - start).count();
    run.tokens += tokens;
  }
  const EngineStats after = model.engine->Stats();
  run.drafted = after.drafted_tokens - before.drafted_tokens;
  run.accepted = after.accepted_tokens - before.accepted_tokens;
  return run;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr,
               "usage: speculation_bench MODEL PROMPTS.jsonl [THREADS [ROUNDS [TOKENS]]]\n");
    return 2;
  }
  const int threads = argc > 3 ? std::atoi(argv[3]) : 0;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 3;
  const int max_tokens = argc > 5 ? std::atoi(argv[5]) : 128;
  const auto pool = MakeThreadPool(threads);
  std::vector<ChatModel> models;  // without, with
  for (const bool drafts : {false, true}) {
    EngineOptions options;
    if (!drafts) options.speculation_rows = 0;
    models.push_back(bench::OrExit(LoadChatModel(argv[1], options, pool)));
  }
  std::map<std::string, std::vector<std::vector<int32_t>>> kinds;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    auto ids = EncodeChat(models[0].chat_template, {{"user", row.at("text")}}, true,
                          *models[0].tokenizer);
    CHECK(ids.ok());
    kinds[row.at("kind")].push_back(*std::move(ids));
  }
  for (const auto& [kind, prompts] : kinds) {
    for (const size_t streams : {size_t{1}, size_t{4}}) {
      std::vector<double> without, with, ratios;
      Run last;
      for (int round = 0; round < rounds; ++round) {
        const Run plain = Generate(models[0], prompts, streams, max_tokens);
        last = Generate(models[1], prompts, streams, max_tokens);
        CHECK(plain.tokens == last.tokens);  // drafts change no token
        without.push_back(static_cast<double>(plain.tokens) / plain.seconds);
        with.push_back(static_cast<double>(last.tokens) / last.seconds);
        ratios.push_back(with.back() / without.back());
      }
      fmt::print(
          "{{\"kind\": \"{}\", \"streams\": {}, \"tokens\": {}, \"without\": {:.1f}, \"with\": "
          "{:.1f}, \"ratio\": {:.3f}, \"ratio_min\": {:.3f}, \"ratio_max\": {:.3f}, \"drafted\": "
          "{}, \"accepted\": {}}}\n",
          kind, streams, last.tokens, Median(without), Median(with), Median(ratios),
          *std::min_element(ratios.begin(), ratios.end()),
          *std::max_element(ratios.begin(), ratios.end()), last.drafted, last.accepted);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) { return hadal::inference::Main(argc, argv); }
