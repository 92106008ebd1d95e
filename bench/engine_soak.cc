// Mixed requests through the engine for many minutes: prompts of all lengths, shared prefixes,
// several choices, drawn tokens, priorities, deadlines, constrained output, readers that go away.
//   engine_soak MODEL [--minutes N] [--threads N] ...
// After each period all requests end, and the engine must have every block back; then a fixed
// request, alone, says how fast it is, by its own CPU time so that other processes count less, and
// must get the tokens it got first. Fails (exit code 1) when, from the first third of the periods
// after the warm-up to the last one, anonymous memory grew or the fixed request slowed down beyond
// the bounds given; 77 where the model is absent.
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "bench/measure.h"
#include "inference/chat_model.h"

namespace hadal::inference {
namespace {

struct Options {
  std::string model;
  double minutes = 5;
  double period_seconds = 60;
  int32_t warm_up_periods = 1;
  int32_t threads = 0;
  int32_t clients = 6;
  double max_growth_mib = 32;
  double max_slowdown = 0.15;
};

constexpr int32_t kProbeTokens = 48;
constexpr int32_t kProbes = 3;

/// Ends a run that can no longer pass.
void Require(bool holds, const std::string& otherwise) {
  if (holds) return;
  fmt::print(stderr, "FAILED: {}\n", otherwise);
  std::_Exit(1);
}

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double StatusMiB(const std::string& field) {
  return static_cast<double>(bench::StatusBytes(field)) / (1 << 20);
}

struct Counts {
  std::atomic<int64_t> requests{0}, cancelled{0}, late{0}, constrained{0};
};

/// What one client sends, and what it makes of the answers.
class Client {
 public:
  Client(const ChatModel& model, uint32_t seed, Counts* counts)
      : model_(model), random_(seed), counts_(*counts) {}

  void RunUntil(absl::Time end) {
    while (absl::Now() < end) RunOne();
  }

 private:
  uint32_t Below(uint32_t bound) { return random_() % bound; }

  std::vector<int32_t> Prompt() {
    // From one token to some hundreds, short ones more often; every third begins like others.
    const auto length = static_cast<size_t>(std::exp2(random_() % 1000 / 1000.0 * 9.2));
    const uint32_t beginning = Below(9);
    std::vector<int32_t> ids(length);
    for (size_t i = 0; i < length; ++i) {
      const bool shared = beginning < 3 && i < 200;
      ids[i] = static_cast<int32_t>(shared ? 100 + (beginning * 31 + i * 7) % 20000
                                           : 100 + Below(20000));
    }
    return ids;
  }

  GenerateRequest Request() {
    GenerateRequest request;
    request.prompt_tokens = Prompt();
    request.sampling.max_tokens = static_cast<int32_t>(1 + Below(64));
    request.sampling.seed = random_();
    request.sampling.temperature = Below(2) == 0 ? 0.0f : 0.8f;
    if (Below(4) == 0) request.sampling.top_logprobs = 5;
    if (Below(5) == 0) request.n = 2;
    if (Below(3) != 0) request.cache_namespace = "corpus";
    request.tenant = std::string(1, static_cast<char>('a' + Below(4)));
    request.priority = static_cast<int32_t>(Below(2 * kMaxPriority + 1)) - kMaxPriority;
    if (Below(12) == 0) request.deadline = absl::Now() + absl::Milliseconds(200);
    if (Below(5) == 0) Constrain(&request);
    return request;
  }

  void Constrain(GenerateRequest* request) {
    // Every second schema is new: compiled ones are kept, and must not pile up.
    const uint32_t kind = Below(2) == 0 ? 0 : random_();
    const std::string schema = fmt::format(
        R"({{"type":"object","properties":{{"name_{}":{{"type":"string","maxLength":8}},)"
        R"("count":{{"type":"integer"}}}},"required":["count"],"additionalProperties":false}})",
        kind);
    auto compiled = model_.constraints->Compile({ConstraintSpec::Kind::kJsonSchema, schema});
    Require(compiled.ok(), compiled.status().ToString());
    request->constraint = *std::move(compiled);
    request->sampling.max_tokens = 64;
    counts_.constrained += 1;
  }

  void RunOne() {
    GenerateRequest request = Request();
    const bool constrained = request.constraint != nullptr;
    const int32_t leaves_after = Below(6) == 0 ? static_cast<int32_t>(Below(8)) : INT32_MAX;
    auto stream = model_.engine->Submit(std::move(request));
    Require(stream.ok(), stream.status().ToString());
    counts_.requests += 1;
    std::map<int32_t, std::string> texts;
    int32_t deltas = 0;
    while (auto delta = (*stream)->Next()) {
      if (++deltas > leaves_after) {
        counts_.cancelled += 1;
        return;  // the stream's destructor cancels
      }
      std::string& text = texts[delta->choice];
      text += delta->text;
      if (!delta->finished) continue;
      if (delta->finish_reason == FinishReason::kError) {
        Require(absl::IsDeadlineExceeded(delta->error), delta->error.ToString());
        counts_.late += 1;
      } else if (constrained && delta->finish_reason == FinishReason::kStop) {
        Require(nlohmann::json::accept(text), "constrained to JSON: " + text);
      }
    }
  }

  const ChatModel& model_;
  std::mt19937 random_;
  Counts& counts_;
};

struct Period {
  double anonymous_mib = 0;
  double probe_per_cpu_second = 0;
};

class Soak {
 public:
  Soak(const Options& options, const ChatModel& model) : options_(options), model_(model) {}

  Period Run(int32_t number) {
    Counts counts;
    const EngineStats before = model_.engine->Stats();
    const absl::Time begin = absl::Now();
    const absl::Time end = begin + absl::Seconds(options_.period_seconds);
    std::vector<std::thread> threads;
    for (int32_t c = 0; c < options_.clients; ++c) {
      const auto seed = static_cast<uint32_t>(number * 1000 + c);
      threads.emplace_back([&, seed] { Client(model_, seed, &counts).RunUntil(end); });
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    const EngineStats after = Idle();
    const double cpu_before = CpuSeconds();
    const absl::Time probe_begin = absl::Now();
    for (int32_t i = 0; i < kProbes; ++i) Probe();
    const double probe_seconds = absl::ToDoubleSeconds(absl::Now() - probe_begin);
    const Period period{StatusMiB("RssAnon"), kProbes * kProbeTokens / (CpuSeconds() - cpu_before)};
    fmt::print(
        "period {:>3}: RSS {:.1f} MiB, anonymous {:.1f}; {:.1f} tokens/s generated, {:.1f} of "
        "prompts, {:.1f} from the cache; {} requests ({} constrained, {} cancelled, {} late), {} "
        "preemptions; fixed request {:.1f} tokens/s, {:.1f} per CPU second\n",
        number, StatusMiB("VmRSS"), period.anonymous_mib,
        static_cast<double>(after.generated_tokens - before.generated_tokens) / seconds,
        static_cast<double>(after.prompt_tokens - before.prompt_tokens) / seconds,
        static_cast<double>(after.cached_tokens - before.cached_tokens) / seconds,
        counts.requests.load(), counts.constrained.load(), counts.cancelled.load(),
        counts.late.load(), after.preemptions - before.preemptions,
        kProbes * kProbeTokens / probe_seconds, period.probe_per_cpu_second);
    std::fflush(stdout);
    return period;
  }

 private:
  /// Cancelled sequences leave with the next step.
  EngineStats Idle() {
    EngineStats stats = model_.engine->Stats();
    for (int i = 0; i < 1000 && stats.running + stats.waiting > 0; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
      stats = model_.engine->Stats();
    }
    Require(stats.running + stats.waiting == 0,
            fmt::format("{} sequences never ended", stats.running + stats.waiting));
    Require(stats.free_blocks == stats.total_blocks,
            fmt::format("{} of {} blocks came back", stats.free_blocks, stats.total_blocks));
    return stats;
  }

  void Probe() {
    GenerateRequest request;
    for (int32_t i = 0; i < 64; ++i) request.prompt_tokens.push_back(100 + i * 37 % 20000);
    request.sampling.max_tokens = kProbeTokens;
    for (const int32_t token : model_.tokenizer->end_tokens()) {
      request.sampling.logit_bias.push_back({token, -100});
    }
    std::sort(request.sampling.logit_bias.begin(), request.sampling.logit_bias.end(),
              [](const LogitBias& a, const LogitBias& b) { return a.token < b.token; });
    auto stream = model_.engine->Submit(std::move(request));
    Require(stream.ok(), stream.status().ToString());
    std::vector<int32_t> tokens;
    while (auto delta = (*stream)->Next()) {
      tokens.insert(tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
    }
    Require(tokens.size() == kProbeTokens, fmt::format("{} tokens", tokens.size()));
    if (expected_.empty()) expected_ = tokens;
    Require(tokens == expected_, "the fixed request got other tokens than before");
  }

  const Options options_;
  const ChatModel& model_;
  std::vector<int32_t> expected_;
};

template <typename Value>
double MedianOf(const std::vector<Period>& periods, size_t begin, size_t end, Value value) {
  std::vector<double> values;
  for (size_t i = begin; i < end; ++i) values.push_back(value(periods[i]));
  return bench::Median(std::move(values));
}

/// Whether the last third is as good as the first one.
bool Judge(const Options& options, const std::vector<Period>& periods) {
  const size_t third = std::max<size_t>(1, periods.size() / 3);
  const auto change = [&](auto value) {
    return std::pair(MedianOf(periods, 0, third, value),
                     MedianOf(periods, periods.size() - third, periods.size(), value));
  };
  const auto [memory, memory_end] = change([](const Period& p) { return p.anonymous_mib; });
  const auto [speed, speed_end] = change([](const Period& p) { return p.probe_per_cpu_second; });
  const double growth = memory_end - memory;
  const double slowdown = 1 - speed_end / speed;
  const bool good = growth <= options.max_growth_mib && slowdown <= options.max_slowdown;
  fmt::print(
      "{}: anonymous memory {:+.1f} MiB (at most {:.1f}), fixed request slower by {:.1f} % "
      "(at most {:.1f})\n",
      good ? "passed" : "FAILED", growth, options.max_growth_mib, 100 * slowdown,
      100 * options.max_slowdown);
  return good;
}

int Run(const Options& options) {
  const auto periods = static_cast<int32_t>(60 * options.minutes / options.period_seconds + 0.5);
  if (periods < options.warm_up_periods + 2) {
    fmt::print(stderr,
               "{} periods, {} of them to warm up: expected two more than that; give more "
               "--minutes\n",
               periods, options.warm_up_periods);
    return 2;
  }
  if (!std::filesystem::exists(options.model)) {
    fmt::print(stderr, "SKIPPED: {} is absent\n", options.model);
    return 77;
  }
  EngineOptions engine;
  engine.kv_blocks = 48;  // few: blocks are evicted and sequences preempted
  const ChatModel model =
      bench::OrExit(LoadChatModel(options.model, engine, MakeThreadPool(options.threads)));
  Soak soak(options, model);
  std::vector<Period> measured;
  for (int32_t number = 1; number <= periods; ++number) {
    const Period period = soak.Run(number);
    if (number > options.warm_up_periods) measured.push_back(period);
  }
  return Judge(options, measured) ? 0 : 1;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) {
  hadal::inference::Options options;
  CLI::App app("Mixed requests through the engine; fails when memory grows or it slows down");
  app.add_option("MODEL", options.model, "GGUF file or Hugging Face folder")->required();
  app.add_option("--minutes", options.minutes)->capture_default_str();
  app.add_option("--period", options.period_seconds, "seconds between two lines")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--warm-up", options.warm_up_periods, "periods that do not count")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: all cores")->check(CLI::Range(0, 1024));
  app.add_option("--clients", options.clients, "requests at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--max-growth", options.max_growth_mib, "MiB")->capture_default_str();
  app.add_option("--max-slowdown", options.max_slowdown, "0.15: 15 %")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return hadal::inference::Run(options);
}
