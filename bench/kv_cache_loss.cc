// What the type of the KV cache loses: the next-token distributions of a text, each type against a
// float32 cache under the same weights and arithmetic. Every position attends to what the cache
// holds, as generation does. Prints one line per type.
//   kv_cache_loss MODEL TEXT [TOKENS [CONTEXT [THREADS]]]
// The text is cut into sequences of CONTEXT tokens (1024), TOKENS (2048) in all. To a model without
// a tokenizer its bytes are the tokens.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/check.h"
#include "base/file.h"
#include "bench/measure.h"
#include "inference/kernels/thread_pool.h"
#include "inference/kv_dtype.h"
#include "inference/model/decoder.h"
#include "inference/tokenizer.h"

namespace hadal::inference {
namespace {

constexpr size_t kChunk = 64;
constexpr int32_t kBlockSize = 16;

/// One sequence over a cache of its own.
class Sequence {
 public:
  Sequence(Decoder& decoder, size_t length) : decoder_(decoder) {
    table_.resize((length + kBlockSize - 1) / kBlockSize);
    std::iota(table_.begin(), table_.end(), 0);
    auto cache =
        KvCache::Create(decoder.kv_layout(), static_cast<int32_t>(table_.size()), kBlockSize);
    CHECK_OK(cache);
    cache_ = *std::move(cache);
  }

  /// Logits of every token.
  const std::vector<float>& Feed(absl::Span<const int32_t> tokens) {
    logits_.resize(tokens.size() * static_cast<size_t>(decoder_.config().vocabulary));
    const SequenceSlice slice{tokens, position_, table_, static_cast<int32_t>(tokens.size())};
    CHECK_OK(decoder_.Forward(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits_)));
    position_ += static_cast<int32_t>(tokens.size());
    return logits_;
  }

 private:
  Decoder& decoder_;
  std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> table_;
  std::vector<float> logits_;
  int32_t position_ = 0;
};

struct Loss {
  std::vector<double> divergence;  ///< of each position, nats
  int64_t same_first = 0;          ///< positions whose most likely token is the same

  void Add(absl::Span<const float> exact, absl::Span<const float> found) {
    const auto log_sum = [](absl::Span<const float> logits, float most) {
      double sum = 0;
      for (const float logit : logits) sum += std::exp(double{logit} - most);
      return std::log(sum) + most;
    };
    const auto first = std::max_element(exact.begin(), exact.end());
    const auto other = std::max_element(found.begin(), found.end());
    const double p_sum = log_sum(exact, *first);
    const double q_sum = log_sum(found, *other);
    double sum = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      const double p = exact[i] - p_sum;
      sum += std::exp(p) * (p - (found[i] - q_sum));
    }
    divergence.push_back(sum);
    same_first += first - exact.begin() == other - found.begin();
  }
};

std::unique_ptr<Decoder> Load(const Checkpoint& checkpoint, KvDtype dtype,
                              const std::shared_ptr<ThreadPool>& pool) {
  DecoderOptions options;
  options.kv_dtype = dtype;
  return bench::OrExit(LoadDecoder(checkpoint, options, pool));
}

Loss Measure(Decoder& exact, Decoder& found, absl::Span<const int32_t> tokens, size_t context) {
  const auto vocabulary = static_cast<size_t>(exact.config().vocabulary);
  Loss loss;
  for (size_t begin = 0; begin < tokens.size(); begin += context) {
    const absl::Span<const int32_t> window = tokens.subspan(begin, context);
    Sequence of_exact(exact, window.size()), of_found(found, window.size());
    for (size_t at = 0; at < window.size(); at += kChunk) {
      const absl::Span<const int32_t> chunk = window.subspan(at, kChunk);
      const auto a = absl::MakeConstSpan(of_exact.Feed(chunk));
      const auto b = absl::MakeConstSpan(of_found.Feed(chunk));
      for (size_t row = 0; row < chunk.size(); ++row) {
        loss.Add(a.subspan(row * vocabulary, vocabulary), b.subspan(row * vocabulary, vocabulary));
      }
    }
  }
  return loss;
}

std::vector<int32_t> Tokens(const std::string& path, const std::string& text, int32_t vocabulary) {
  if (const auto tokenizer = LoadTokenizer(path); tokenizer.ok()) {
    return (*tokenizer)->Encode(text, {});
  }
  std::vector<int32_t> tokens;
  for (const char c : text) tokens.push_back(static_cast<uint8_t>(c) % vocabulary);
  return tokens;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: kv_cache_loss MODEL TEXT [TOKENS [CONTEXT [THREADS]]]\n");
    return 2;
  }
  const auto argument = [&](int i, int otherwise) {
    return argc > i ? std::stoi(argv[i]) : otherwise;
  };
  const auto checkpoint = bench::OrExit(Checkpoint::Open(argv[1]));
  const std::string text = bench::OrExit(ReadFile(argv[2]));
  std::vector<int32_t> tokens = Tokens(argv[1], text, checkpoint->config().vocabulary);
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(argument(3, 2048))));
  const auto context = static_cast<size_t>(argument(4, 1024));
  const auto pool = std::make_shared<ThreadPool>(argument(5, 0));
  const auto exact = Load(*checkpoint, KvDtype::kF32, pool);
  std::printf("%zu tokens in sequences of %zu\n", tokens.size(), context);
  std::printf("%-6s %16s %14s %14s %10s\n", "type", "kB/1,000 tokens", "mean KL", "99 % KL",
              "top-1");
  for (const KvDtype dtype : {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8}) {
    const auto found = Load(*checkpoint, dtype, pool);
    Loss loss = Measure(*exact, *found, tokens, context);
    std::vector<double>& all = loss.divergence;
    const double mean =
        std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    std::sort(all.begin(), all.end());
    std::printf("%-6s %16.0f %14.3e %14.3e %9.2f%%\n", KvDtypeName(dtype),
                static_cast<double>(found->kv_layout().BytesPerToken()), mean,
                all[all.size() * 99 / 100],
                100.0 * static_cast<double>(loss.same_first) / static_cast<double>(all.size()));
  }
  return 0;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) { return hadal::inference::Main(argc, argv); }
