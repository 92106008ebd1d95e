// What determinism costs: a model with the engine's kernels, and with the same kernels freed of
// what it demands of them, turn by turn on the same weights and cache.
//   determinism_cost MODEL [ROUNDS]
//   again         the same once more: how far its rows are from 1 is noise
//   any order     the compiler may add and multiply floats in any order, and splits sums
//   no merging    the pieces of 256 positions into which attention is cut are not merged, which
//                 gives wrong results: no other cut can save more than all of that
// A row says the time of the engine's kernels ÷ that of the freed ones: 1.02 is a cost of 2 %.
// Times are CPU times of one thread, since others may use the machine; both sides are AVX-512
// without AMX. What this cannot see is what another design would do with the freedom: instructions
// whose rounding only some processors have (AVX-512 BF16), columns shared out among threads,
// kernels by batch.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "bench/free_order.h"
#include "bench/measure.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/model/decoder.h"

namespace hadal::inference {
namespace {

constexpr int32_t kBlockSize = 64;
constexpr int32_t kPromptBlocks = 5;  // more than one piece of attention
constexpr int32_t kPrompt = kPromptBlocks * kBlockSize;
constexpr int32_t kGenerated = 16;
constexpr int32_t kStreams = 8;

struct Kernels {
  std::string name;
  KernelTable table;
};

void MergeNothing(const AttentionPiece&, float*) {}

std::vector<Kernels> Variants(const KernelTable& engine) {
  static AttentionPart unmerged;
  unmerged = *engine.attention;
  unmerged.merge = MergeNothing;
  KernelTable any_order = engine;
  any_order.matmul = &kFreeMatMul;
  any_order.attention = &kFreeAttention;
  any_order.elementwise = &kFreeElementwise;
  KernelTable no_merging = engine;
  no_merging.attention = &unmerged;
  return {{"the engine's", engine},
          {"again", engine},
          {"any order", any_order},
          {"no merging", no_merging}};
}

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A prompt that all streams share, and what follows it in each.
class Workload {
 public:
  explicit Workload(Decoder& decoder)
      : decoder_(decoder),
        cache_(bench::OrExit(
            KvCache::Create(decoder.kv_layout(), kPromptBlocks + kStreams, kBlockSize))) {
    for (int32_t i = 0; i < kPrompt; ++i) {
      tokens_.push_back((i * 7919 + 13) % decoder.config().vocabulary);
    }
    for (int32_t s = 0; s < kStreams; ++s) {
      tables_.emplace_back(static_cast<size_t>(kPromptBlocks));
      std::iota(tables_.back().begin(), tables_.back().end(), 0);
      tables_.back().push_back(kPromptBlocks + s);
    }
    logits_.resize(size_t{kStreams} * static_cast<size_t>(decoder.config().vocabulary));
  }

  /// Seconds by work.
  std::map<std::string, double> Run() {
    std::map<std::string, double> seconds;
    seconds["prompt"] = Seconds([this] { Forward({{tokens_, 0, tables_[0], 1}}); });
    seconds["generation"] = Seconds([this] { Generate(1); });
    seconds["8 streams"] = Seconds([this] { Generate(kStreams); });
    return seconds;
  }

  /// Of the last token of the last stream.
  std::vector<float> logits() const {
    return {logits_.end() - decoder_.config().vocabulary, logits_.end()};
  }

 private:
  template <typename Body>
  double Seconds(const Body& body) {
    const double begin = CpuSeconds();
    body();
    return CpuSeconds() - begin;
  }

  void Generate(size_t streams) {
    for (int32_t i = 0; i < kGenerated; ++i) {
      std::vector<SequenceSlice> batch;
      for (size_t s = 0; s < streams; ++s) {
        const auto token = absl::MakeConstSpan(tokens_).subspan(s * kGenerated + i, 1);
        batch.push_back({token, kPrompt + i, tables_[s], 1});
      }
      Forward(batch);
    }
  }

  void Forward(const std::vector<SequenceSlice>& batch) {
    const size_t count = batch.size() * static_cast<size_t>(decoder_.config().vocabulary);
    CHECK_OK(decoder_.Forward(batch, *cache_, absl::MakeSpan(logits_).first(count)));
  }

  Decoder& decoder_;
  const std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> tokens_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<float> logits_;
};

float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

int Run(const std::string& path, int32_t rounds) {
  const std::vector<Isa> isas = AvailableIsas();
  if (std::find(isas.begin(), isas.end(), Isa::kAvx512) == isas.end()) {
    fmt::print(stderr, "this CPU has no AVX-512 with VNNI, for which the freed kernels are made\n");
    return 1;
  }
  const auto pool = std::make_shared<ThreadPool>(1);
  const std::vector<Kernels> variants = Variants(Device(pool, Isa::kAvx512).cpu().kernels());
  KernelTable now = variants[0].table;  // what the decoder computes with
  const Device device(std::make_shared<const CpuBackend>(CpuBackend{pool, Isa::kAvx512, &now}));
  const auto checkpoint = bench::OrExit(Checkpoint::Open(path));
  const auto decoder = bench::OrExit(LoadDecoder(*checkpoint, DecoderOptions(), device));
  Workload workload(*decoder);
  workload.Run();  // touches every weight once
  const std::vector<float> exact = workload.logits();
  std::vector<std::map<std::string, std::vector<double>>> seconds(variants.size());
  std::vector<float> differences(variants.size());
  for (int32_t round = 0; round < rounds; ++round) {
    for (size_t v = 0; v < variants.size(); ++v) {
      now = variants[v].table;
      for (const auto& [work, took] : workload.Run()) seconds[v][work].push_back(took);
      differences[v] = LargestDifference(exact, workload.logits());
    }
  }
  for (size_t v = 1; v < variants.size(); ++v) {
    fmt::print("{} (largest difference of a logit: {:.2g})\n", variants[v].name, differences[v]);
    for (const auto& [work, took] : seconds[v]) {
      const std::vector<double>& engine = seconds[0][work];
      fmt::print("  {:<12}{:.3f} of the fastest, {:.3f} of the median\n", work,
                 *std::min_element(engine.begin(), engine.end()) /
                     *std::min_element(took.begin(), took.end()),
                 bench::Median(engine) / bench::Median(took));
    }
  }
  return 0;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  if (argc < 2 || argc > 3 || rounds < 1) {
    std::fprintf(stderr, "usage: determinism_cost MODEL [ROUNDS]\n");
    return 2;
  }
  return hadal::inference::Run(argv[1], rounds);
}
