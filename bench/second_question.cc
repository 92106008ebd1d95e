// Time to the first token of a second question over the same context, beside that of the first:
// what the prefix cache saves. Every round has a context of its own, in a cache namespace of its
// own, so that nothing but the round's first question can have filled the cache.
//   second_question MODEL [THREADS [ROUNDS [CONTEXT_TOKENS]]]
// Prints one JSON line.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/check.h"
#include "bench/measure.h"
#include "inference/chat_model.h"

namespace hadal::inference {
namespace {

using bench::Median;
using Clock = std::chrono::steady_clock;

constexpr int32_t kQuestionTokens = 24;
constexpr int32_t kAnswerTokens = 8;

std::vector<int32_t> Tokens(std::mt19937& random, int32_t count, int32_t vocabulary) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary)));
  }
  return ids;
}

struct Answer {
  double seconds = 0;  ///< to the first token
  int32_t cached_tokens = 0;
};

Answer Ask(const ChatModel& model, const std::string& cache_namespace,
           std::vector<int32_t> prompt) {
  GenerateRequest request;
  request.prompt_tokens = std::move(prompt);
  request.cache_namespace = cache_namespace;
  request.sampling.max_tokens = kAnswerTokens;
  const auto start = Clock::now();
  auto stream = model.engine->Submit(std::move(request));
  CHECK(stream.ok());
  Answer answer;
  bool first = true;
  while (auto delta = (*stream)->Next()) {
    if (first) answer.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    first = false;
    if (!delta->finished) continue;
    CHECK(delta->finish_reason != FinishReason::kError);
    answer.cached_tokens = delta->usage.cached_tokens;
  }
  return answer;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: second_question MODEL [THREADS [ROUNDS [CONTEXT_TOKENS]]]\n");
    return 2;
  }
  const int32_t threads = argc > 2 ? std::atoi(argv[2]) : 0;
  const int32_t rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const int32_t context_tokens = argc > 4 ? std::atoi(argv[4]) : 2000;
  if (threads < 0 || rounds < 1 || context_tokens < 1) {
    fmt::print(stderr, "expected threads from 0, rounds and tokens from 1\n");
    return 2;
  }
  const EngineOptions options;
  const ChatModel model =
      bench::OrExit(LoadChatModel(argv[1], options, MakeThreadPool(threads)));
  const int32_t vocabulary = model.tokenizer->vocabulary_size();
  std::mt19937 random(1);
  Ask(model, "", Tokens(random, kQuestionTokens, vocabulary));  // touches every weight once
  std::vector<double> first, second, ratios;
  for (int32_t round = 0; round < rounds; ++round) {
    const std::vector<int32_t> context = Tokens(random, context_tokens, vocabulary);
    const auto ask = [&] {
      std::vector<int32_t> prompt = context;
      const std::vector<int32_t> question = Tokens(random, kQuestionTokens, vocabulary);
      prompt.insert(prompt.end(), question.begin(), question.end());
      return Ask(model, fmt::format("round {}", round), std::move(prompt));
    };
    const Answer one = ask();
    const Answer two = ask();
    CHECK(one.cached_tokens == 0);
    CHECK(two.cached_tokens > context_tokens - options.block_size);
    first.push_back(one.seconds);
    second.push_back(two.seconds);
    ratios.push_back(two.seconds / one.seconds);
  }
  fmt::print(
      "{{\"context_tokens\": {}, \"question_tokens\": {}, \"rounds\": {}, \"first_seconds\": "
      "{:.4f}, \"second_seconds\": {:.4f}, \"ratio\": {:.4f}, \"ratio_min\": {:.4f}, "
      "\"ratio_max\": {:.4f}}}\n",
      context_tokens, kQuestionTokens, rounds, Median(first), Median(second), Median(ratios),
      *std::min_element(ratios.begin(), ratios.end()),
      *std::max_element(ratios.begin(), ratios.end()));
  return 0;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) { return hadal::inference::Main(argc, argv); }
