#include <cstring>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "tests/inference/model/decode.h"
#include "tests/inference/model/on_ranks.h"
#include "tests/inference/weights/gguf_writer.h"
#include "tests/support/paths.h"

// A GGUF file of an architecture with experts gives the logits of the folder it was made from, bit
// for bit: deepseek2 as newer files store kv_b (per head, keys transposed) and as older ones do
// (one matrix), and qwen2moe.

namespace hadal::inference {
namespace {

using testing::GgufWriter;


std::string Bytes(absl::Span<const uint8_t> data) { return {data.begin(), data.end()}; }

/// Tensors in the file's order, each at a multiple of 32.
class Tensors {
 public:
  explicit Tensors(GgufWriter& writer) : writer_(writer) {}

  /// shape: outermost first.
  void Add(const std::string& name, GgmlType type, std::vector<int64_t> shape,
           const std::string& bytes) {
    data_.resize((data_.size() + 31) / 32 * 32);
    const std::vector<uint64_t> ne(shape.rbegin(), shape.rend());
    writer_.Tensor(name, ne, static_cast<uint32_t>(type), data_.size());
    data_ += bytes;
  }
  std::string Take() { return std::move(data_); }

 private:
  GgufWriter& writer_;
  std::string data_;
};

/// Rows [first, first + count) of every head's `height` rows as [heads, count, cols], or transposed
/// as [heads, cols, count].
std::string HeadRows(const Weight& weight, int64_t heads, int64_t first, int64_t count,
                     bool transposed) {
  const int64_t cols = weight.shape[1];
  const int64_t height = weight.shape[0] / heads;
  const auto bytes = static_cast<int64_t>(TraitsOf(weight.type).block_bytes);
  std::string out;
  const auto append = [&](int64_t row, int64_t col) {
    out.append(reinterpret_cast<const char*>(weight.data.data()) + (row * cols + col) * bytes,
               static_cast<size_t>(bytes));
  };
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t top = h * height + first;
    if (transposed) {
      for (int64_t c = 0; c < cols; ++c) {
        for (int64_t r = 0; r < count; ++r) append(top + r, c);
      }
    } else {
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t c = 0; c < cols; ++c) append(top + r, c);
      }
    }
  }
  return out;
}

/// What every architecture says of itself.
void AddShape(const std::string& architecture, const ModelConfig& config, int32_t kv_heads,
              GgufWriter& writer) {
  const auto u32 = [&](const char* key, int32_t value) {
    writer.U32(architecture + "." + key, static_cast<uint32_t>(value));
  };
  writer.Text("general.architecture", architecture);
  u32("block_count", config.num_layers);
  u32("context_length", config.context_length);
  u32("embedding_length", config.hidden_dim);
  u32("feed_forward_length", config.ffn_dim);
  u32("attention.head_count", config.num_heads);
  u32("attention.head_count_kv", kv_heads);
  u32("expert_count", config.moe.num_experts);
  u32("expert_used_count", config.moe.experts_per_token);
  u32("expert_feed_forward_length", config.moe.expert_ffn_dim);
  writer.F32(architecture + ".attention.layer_norm_rms_epsilon", config.norm_eps);
  writer.F32(architecture + ".rope.freq_base", config.rope_theta);
}

void AddQwenKeys(const ModelConfig& config, GgufWriter& writer) {
  AddShape("qwen2moe", config, config.num_kv_heads, writer);
  writer.U32("qwen2moe.expert_shared_feed_forward_length",
             static_cast<uint32_t>(config.moe.shared_ffn_dim));
}

void AddDeepseekKeys(const ModelConfig& config, bool absorbed, float log_multiplier,
                     GgufWriter& writer) {
  const MlaConfig& mla = config.mla;
  const MoeConfig& moe = config.moe;
  const auto u32 = [&](const char* key, int32_t value) {
    writer.U32(std::string("deepseek2.") + key, static_cast<uint32_t>(value));
  };
  AddShape("deepseek2", config, absorbed ? 1 : config.num_heads, writer);
  u32("leading_dense_block_count", moe.first_dense_layers);
  if (mla.q_lora_rank > 0) u32("attention.q_lora_rank", mla.q_lora_rank);
  u32("attention.kv_lora_rank", mla.kv_lora_rank);
  if (absorbed) {
    u32("attention.key_length", mla.kv_lora_rank + mla.qk_rope_head_dim);
    u32("attention.value_length", mla.kv_lora_rank);
  }
  u32(absorbed ? "attention.key_length_mla" : "attention.key_length", config.head_dim);
  u32(absorbed ? "attention.value_length_mla" : "attention.value_length", mla.v_head_dim);
  u32("rope.dimension_count", mla.qk_rope_head_dim);
  u32("expert_shared_count", moe.shared_ffn_dim / moe.expert_ffn_dim);
  writer.F32("deepseek2.expert_weights_scale", moe.weight_scale);
  writer.Key("deepseek2.expert_weights_norm", 7);
  writer.Append(static_cast<uint8_t>(moe.normalize_weights));
  u32("expert_group_count", moe.num_groups);
  u32("expert_group_used_count", moe.groups_per_token);
  u32("expert_gating_func", moe.gate == ExpertGate::kSigmoidGroups ? 2 : 1);
  writer.Text("deepseek2.rope.scaling.type", "yarn");
  writer.F32("deepseek2.rope.scaling.factor", 40);
  u32("rope.scaling.original_context_length", 4096);
  writer.F32("deepseek2.rope.scaling.yarn_log_multiplier", log_multiplier);
}

std::string ToGguf(const Checkpoint& folder, bool absorbed, float log_multiplier) {
  const ModelConfig& config = folder.config();
  GgufWriter writer;
  if (config.architecture == "qwen2_moe") {
    AddQwenKeys(config, writer);
  } else {
    AddDeepseekKeys(config, absorbed, log_multiplier, writer);
  }
  Tensors tensors(writer);
  for (const std::string& name : folder.names()) {
    const Weight& weight = *folder.Find(name);
    const std::string prefix = name.substr(0, name.find('.', 4));  // "blk.3"
    if (name.find(".nextn.") != std::string::npos ||
        prefix == "blk." + std::to_string(config.num_layers)) {
      continue;  // converters leave the prediction layer out
    }
    if (absorbed && name.ends_with(".attn_kv_b.weight")) {
      const int64_t heads = config.num_heads;
      const int64_t nope = config.mla.qk_nope_head_dim;
      const int64_t value = config.mla.v_head_dim;
      const int64_t latent = config.mla.kv_lora_rank;
      tensors.Add(prefix + ".attn_k_b.weight", weight.type, {heads, latent, nope},
                  HeadRows(weight, heads, 0, nope, true));
      tensors.Add(prefix + ".attn_v_b.weight", weight.type, {heads, value, latent},
                  HeadRows(weight, heads, nope, value, false));
    } else if (name.ends_with(".ffn_gate_inp_shexp.weight")) {
      tensors.Add(name, weight.type, {weight.shape[1]}, Bytes(weight.data));  // converters squeeze
    } else if (const size_t at = name.find(".0.weight"); at != std::string::npos) {
      std::string stacked;
      for (int32_t e = 0; e < config.moe.num_experts; ++e) {
        stacked +=
            Bytes(folder.Find(name.substr(0, at) + "." + std::to_string(e) + ".weight")->data);
      }
      tensors.Add(name.substr(0, at) + "_exps.weight", weight.type,
                  {config.moe.num_experts, weight.shape[0], weight.shape[1]}, stacked);
    } else if (!folder.Has(name.substr(0, name.find('.', prefix.size() + 1)) + ".0.weight")) {
      tensors.Add(name, weight.type, weight.shape, Bytes(weight.data));
    }
  }
  return writer.Data(tensors.Take()).Bytes();
}

struct Case {
  const char* folder;
  float log_multiplier;  ///< 0.1 * mscale_all_dim
};

class GgufOfExperts : public ::testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(GgufOfExperts, GivesTheLogitsOfTheFolder) {
  const auto& [from, absorbed] = GetParam();
  const std::string path = SharedPath(std::string("golden/models/") + from.folder);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no reference data at " << path;
  ASSERT_OK_AND_ASSIGN(auto folder, Checkpoint::Open(path));
  const std::string file = ::testing::TempDir() + "/" + from.folder + ".gguf";
  ASSERT_OK(WriteFileAtomic(file, ToGguf(*folder, absorbed, from.log_multiplier)));
  ASSERT_OK_AND_ASSIGN(auto gguf, Checkpoint::Open(file));
  EXPECT_EQ(gguf->config().architecture, folder->config().architecture);
  EXPECT_EQ(gguf->config().num_layers, folder->config().num_layers);

  std::vector<int32_t> tokens(48);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 37 % 512);
  std::vector<std::vector<float>> logits;
  for (const Checkpoint* checkpoint : {folder.get(), gguf.get()}) {
    ASSERT_OK_AND_ASSIGN(auto decoder,
                         LoadDecoder(*checkpoint, {ComputeMode::kFloat32}, Pool(2)));
    logits.push_back(OneSequence(*decoder, 64).Feed(tokens));
  }
  EXPECT_EQ(logits[0], logits[1]);

  // Heads and experts that lie apart in the file are cut like rows of one matrix.
  for (const ParallelLayout layout : {ParallelLayout{2, 2, 2}, ParallelLayout{4, 4, 1}}) {
    std::vector<std::vector<float>> on_ranks;
    for (const Checkpoint* checkpoint : {folder.get(), gguf.get()}) {
      OnRanks(layout, {ComputeMode::kFloat32}, [&](int32_t rank, const DecoderOptions& options) {
        auto decoder = LoadDecoder(*checkpoint, options, Pool(1));
        ASSERT_OK(decoder);
        auto found = OneSequence(**decoder, 64).Feed(tokens);
        if (rank == layout.ranks - 1) on_ranks.push_back(std::move(found));
      });
    }
    ASSERT_EQ(on_ranks.size(), 2u);
    EXPECT_EQ(on_ranks[0], on_ranks[1]);
  }
  std::filesystem::remove(file);
}

INSTANTIATE_TEST_SUITE_P(Qwen2Moe, GgufOfExperts,
                         ::testing::Values(std::tuple(Case{"qwen2_moe-tiny", 0}, false)));
INSTANTIATE_TEST_SUITE_P(
    Models, GgufOfExperts,
    ::testing::Combine(::testing::Values(Case{"deepseek_v2_group-tiny", 0.0707f},
                                         Case{"deepseek_v2_lite-tiny", 0.0707f},
                                         Case{"deepseek_v3-tiny", 0.1f}),
                       ::testing::Bool()),
    [](const auto& test) {
      std::string name = std::get<0>(test.param).folder;
      std::replace(name.begin(), name.end(), '-', '_');
      return name + (std::get<1>(test.param) ? "_per_head" : "_one_matrix");
    });

}  // namespace
}  // namespace hadal::inference
