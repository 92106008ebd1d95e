// Latent attention of one prefill chunk, absorbed against expanded, on DeepSeek-V3's head sizes:
// what a layer computes between its input and output projections, and those. One thread.
#include <benchmark/benchmark.h>

#include <random>

#include "base/check.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/mla_attention.h"

namespace hadal::inference {
namespace {

constexpr int32_t kHidden = 256;  // small: the projections around are the same in both forms

PackedMatrix RandomMatrix(int64_t rows, int64_t cols, const Device& packer) {
  std::mt19937 random(static_cast<uint32_t>(rows * 31 + cols));
  std::vector<uint16_t> bits(static_cast<size_t>(rows * cols));
  for (uint16_t& value : bits) value = static_cast<uint16_t>(0x3c00 | (random() & 0x807f));
  return *PackedMatrix::Pack(
      ElementType::kBF16, rows, cols,
      absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bits.data()), bits.size() * 2),
      PackPrecision::kStored, packer);
}

ModelConfig Config(int32_t heads) {
  ModelConfig config;
  config.num_heads = config.num_kv_heads = heads;
  config.hidden_dim = kHidden;
  config.mla = {0, 512, 128, 64, 128};
  config.head_dim = 192;
  return config;
}

MlaWeights Weights(const ModelConfig& config, const Device& packer) {
  const MlaConfig& mla = config.mla;
  MlaWeights weights;
  weights.q_b = RandomMatrix(int64_t{config.num_heads} * config.head_dim, kHidden, packer);
  weights.kv_a = RandomMatrix(mla.kv_lora_rank + mla.qk_rope_head_dim, kHidden, packer);
  weights.kv_a_norm =
      DeviceBuffer(packer, std::vector<float>(static_cast<size_t>(mla.kv_lora_rank), 1.0f));
  for (int32_t h = 0; h < config.num_heads; ++h) {
    weights.k_b.push_back(RandomMatrix(mla.kv_lora_rank, mla.qk_nope_head_dim, packer));
    weights.v_b.push_back(RandomMatrix(mla.v_head_dim, mla.kv_lora_rank, packer));
  }
  auto k_up = TransposeKeys(weights.k_b, packer);
  CHECK(k_up.ok());
  weights.k_up = *std::move(k_up);
  weights.o = RandomMatrix(kHidden, int64_t{config.num_heads} * mla.v_head_dim, packer);
  return weights;
}

/// The last `rows` positions of a sequence of `positions`, whose cache is there.
void BM_Chunk(benchmark::State& state) {
  const auto heads = static_cast<int32_t>(state.range(0));
  const auto rows = static_cast<int32_t>(state.range(1));
  const auto positions = static_cast<int32_t>(state.range(2));
  const bool expand = state.range(3) != 0;
  const Device device(std::make_shared<ThreadPool>(1));
  const ModelConfig config = Config(heads);
  const MlaWeights weights = Weights(config, device);
  MlaAttention attention(config, device);

  std::vector<uint16_t> cache(static_cast<size_t>(positions) * 576, 0x2c00);
  const void* block = cache.data();
  LayerKv kv;
  kv.key_row = KvRow::OfLatent(KvDtype::kF16, 512, 64);
  CausalSlice slice;
  slice.num_rows = rows;
  slice.position = positions - rows;
  slice.kv = {absl::MakeConstSpan(&block, 1), {}, positions, KvDtype::kF16};
  kv.slices = {slice};
  std::vector<int32_t> at;
  for (int32_t r = 0; r < rows; ++r) {
    at.push_back(slice.position + r);
    kv.key_rows.push_back(cache.data() + size_t{576} * static_cast<size_t>(at.back()));
  }
  RopeTable rope(RopeInverseFrequencies(64, 10000, {}), 1);
  rope.Compute(device, at);
  const std::vector<float> x(static_cast<size_t>(rows * kHidden), 0.01f);
  std::vector<float> out(x.size());
  const int32_t expanded = expand ? rows : 0;
  for (auto _ : state) {
    attention.Run(weights, ConstMatrixView(x.data(), rows, kHidden), rope, kv,
                  absl::MakeConstSpan(&expanded, 1), MatrixView(out.data(), rows, kHidden));
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_Chunk)
    ->ArgNames({"heads", "rows", "positions", "expanded"})
    ->ArgsProduct({{16}, {32, 128, 512}, {512, 2048, 8192}, {0, 1}})
    ->ArgsProduct({{16}, {2048}, {2048, 8192}, {0, 1}})
    ->ArgsProduct({{64}, {512}, {2048}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal::inference

BENCHMARK_MAIN();
