#include "inference/model/decoder_bench.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "absl/time/clock.h"
#include "inference/kernels/logits.h"
#include "inference/kv/kv_cache.h"

namespace hadal::inference {
namespace {

constexpr int32_t kBlockSize = 32;
constexpr int32_t kShortPrompt = 16;

/// One decoder with a cache for `streams` sequences of `max_tokens`, each with its own blocks.
class Runs {
 public:
  static StatusOr<Runs> Create(Decoder& decoder, int32_t streams, int32_t max_tokens,
                               bool same_text) {
    Runs runs(decoder, same_text);
    const int32_t blocks = (max_tokens + kBlockSize - 1) / kBlockSize;
    ASSIGN_OR_RETURN(runs.cache_,
                     KvCache::Create(decoder.kv_layout(), blocks * streams, kBlockSize));
    for (int32_t s = 0; s < streams; ++s) {
      std::vector<int32_t> table(static_cast<size_t>(blocks));
      std::iota(table.begin(), table.end(), s * blocks);
      runs.tables_.push_back(std::move(table));
    }
    runs.logits_.resize(static_cast<size_t>(streams) *
                        static_cast<size_t>(decoder.config().vocabulary));
    return runs;
  }

  /// Seconds for a prompt of `length` in the first stream, its chunks of `expanded` tokens, unless
  /// 0, in the expanded form.
  StatusOr<double> Prompt(int32_t length, int32_t expanded) {
    std::vector<int32_t> tokens(static_cast<size_t>(length));
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = TokenAt(i);
    SequenceSlice slice{tokens, 0, tables_[0], 1};
    if (expanded > 0) slice.expanded_tokens = length / expanded * expanded;
    const absl::Time start = absl::Now();
    RETURN_IF_ERROR(decoder_.Forward(absl::MakeConstSpan(&slice, 1), *cache_, Logits(1)));
    return absl::ToDoubleSeconds(absl::Now() - start);
  }

  /// Seconds for `count` greedy tokens in each of the first `streams` streams, after a short prompt
  /// that is not timed.
  StatusOr<double> Generate(int32_t streams, int32_t count) {
    const auto num = static_cast<size_t>(streams);
    std::vector<std::vector<int32_t>> next(num);
    for (size_t s = 0; s < num; ++s) {
      const size_t text = same_text_ ? 0 : s * kShortPrompt;
      for (size_t i = 0; i < kShortPrompt; ++i) next[s].push_back(TokenAt(text + i));
    }
    int32_t position = 0;
    absl::Time start;
    for (int32_t step = 0; step <= count; ++step) {
      std::vector<SequenceSlice> batch;
      for (size_t s = 0; s < num; ++s) batch.push_back({next[s], position, tables_[s], 1});
      if (step == 1) start = absl::Now();
      RETURN_IF_ERROR(decoder_.Forward(batch, *cache_, Logits(num)));
      position += static_cast<int32_t>(next[0].size());
      for (size_t s = 0; s < num; ++s) {
        ASSIGN_OR_RETURN(const int32_t token, Greedy(s));
        next[s] = {token};
      }
    }
    return absl::ToDoubleSeconds(absl::Now() - start);
  }

 private:
  Runs(Decoder& decoder, bool same_text) : decoder_(decoder), same_text_(same_text) {}

  int32_t TokenAt(size_t i) const {
    const uint64_t mixed = (i + 1) * 0x9E3779B97F4A7C15u;
    return static_cast<int32_t>((mixed >> 33) %
                                static_cast<uint64_t>(decoder_.config().vocabulary));
  }
  absl::Span<float> Logits(size_t rows) {
    return absl::MakeSpan(logits_.data(),
                          rows * static_cast<size_t>(decoder_.config().vocabulary));
  }
  StatusOr<int32_t> Greedy(size_t row) {
    const auto vocabulary = static_cast<size_t>(decoder_.config().vocabulary);
    const auto logits = absl::MakeConstSpan(logits_).subspan(row * vocabulary, vocabulary);
    maxima_.resize(NumLogitBlocks(vocabulary));
    if (!BlockMaxima(here_, logits, absl::MakeSpan(maxima_))) {
      return Internal("a logit of stream {} is NaN or infinite; expected numbers", row);
    }
    return static_cast<int32_t>(IndexOfLargest(logits, maxima_));
  }

  Decoder& decoder_;
  bool same_text_;
  Device here_ = Device::CallingThread();
  std::unique_ptr<KvCache> cache_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<float> logits_, maxima_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

int32_t Largest(const std::vector<int32_t>& values) {
  return *std::max_element(values.begin(), values.end());
}

Status Check(const DecoderBenchOptions& options) {
  std::vector<int32_t> numbers = {options.generated_tokens, options.stream_tokens, options.repeats};
  numbers.insert(numbers.end(), options.prompts.begin(), options.prompts.end());
  numbers.insert(numbers.end(), options.streams.begin(), options.streams.end());
  if (options.prompts.empty() || options.streams.empty() || options.expanded_prefill < 0 ||
      *std::min_element(numbers.begin(), numbers.end()) <= 0) {
    return InvalidArgument(
        "a benchmark needs positive numbers, found prompts {}, generated {}, streams {} of {}, {} "
        "repeats",
        fmt::join(options.prompts, ","), options.generated_tokens, fmt::join(options.streams, ","),
        options.stream_tokens, options.repeats);
  }
  return OkStatus();
}

}  // namespace

double MeanContext(int32_t tokens) { return kShortPrompt + (tokens + 1) / 2.0; }

StatusOr<DecoderBench> BenchDecoder(Decoder& decoder, const DecoderBenchOptions& options) {
  RETURN_IF_ERROR(Check(options));
  const int32_t longest =
      std::max({Largest(options.prompts), kShortPrompt + options.generated_tokens,
                kShortPrompt + options.stream_tokens});
  ASSIGN_OR_RETURN(Runs runs, Runs::Create(decoder, Largest(options.streams), longest,
                                           options.same_text));
  RETURN_IF_ERROR(runs.Generate(1, 1).status());  // touches every weight once
  std::vector<std::vector<double>> prompts(options.prompts.size());
  std::vector<std::vector<double>> streams(options.streams.size());
  std::vector<double> generation;
  for (int32_t r = 0; r < options.repeats; ++r) {
    for (size_t i = 0; i < prompts.size(); ++i) {
      ASSIGN_OR_RETURN(const double seconds,
                       runs.Prompt(options.prompts[i], options.expanded_prefill));
      prompts[i].push_back(options.prompts[i] / seconds);
    }
    ASSIGN_OR_RETURN(const double seconds, runs.Generate(1, options.generated_tokens));
    generation.push_back(options.generated_tokens / seconds);
    for (size_t i = 0; i < streams.size(); ++i) {
      const int32_t num = options.streams[i];
      ASSIGN_OR_RETURN(const double together, runs.Generate(num, options.stream_tokens));
      streams[i].push_back(num * options.stream_tokens / together);
    }
  }
  DecoderBench bench{.generation = Median(std::move(generation))};
  for (auto& runs_of_one : prompts) bench.prompts.push_back(Median(std::move(runs_of_one)));
  for (auto& runs_of_one : streams) bench.streams.push_back(Median(std::move(runs_of_one)));
  return bench;
}

}  // namespace hadal::inference
