#include "inference/model/load_weight.h"
#include "tests/inference/model/decode.h"
#include "tests/inference/model/synthetic_checkpoint.h"

namespace hadal::inference {
namespace {

TEST(LoadDecoder, NamesTheArchitecturesThereAre) {
  ModelConfig config = SyntheticCheckpoint::SmallConfig("gpt5");
  const SyntheticCheckpoint checkpoint(config, GgmlType::kF32, 1);
  EXPECT_STATUS(LoadDecoder(checkpoint, {}, Pool(1)), kUnimplemented,
                "qwen2, qwen2_moe, llama");
}

TEST(LoadDecoder, NamesAMissingTensor) {
  SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("qwen2"), GgmlType::kF32, 1);
  checkpoint.Remove("blk.1.attn_q.bias");
  EXPECT_STATUS(LoadDecoder(checkpoint, {}, Pool(1)), kNotFound, "blk.1.attn_q.bias");
}

TEST(LoadDecoder, RefusesShapesNoModelHas) {
  ModelConfig config = SyntheticCheckpoint::SmallConfig("llama");
  config.num_kv_heads = 3;
  const SyntheticCheckpoint checkpoint(config, GgmlType::kF32, 1);
  EXPECT_STATUS(LoadDecoder(checkpoint, {}, Pool(1)), kInvalidArgument, "multiple of KV heads");
}

TEST(LoadDecoder, RefusesDeepseekShapesAndGatesItCannotRun) {
  const auto load = [](const ModelConfig& config) {
    const SyntheticCheckpoint checkpoint(config, GgmlType::kF32, 1);
    return LoadDecoder(checkpoint, {}, Pool(1)).status();
  };
  const ModelConfig v3 = SyntheticCheckpoint::SmallConfig("deepseek_v3");
  EXPECT_OK(load(v3));
  ModelConfig config = v3;
  config.moe.experts_per_token = 5;  // two groups of two
  EXPECT_STATUS(load(config), kInvalidArgument, "5 of 8 experts");
  config = v3;
  config.moe.num_groups = 8;
  EXPECT_STATUS(load(config), kInvalidArgument, "groups of at least two");
  config = v3;
  config.mla.kv_lora_rank = 1024;
  EXPECT_STATUS(load(config), kInvalidArgument, "kv_lora_rank + qk_rope_head_dim up to 1024");
  config = v3;
  config.architecture = "deepseek_v2";
  EXPECT_STATUS(load(config), kInvalidArgument, "softmax gate");
  SyntheticCheckpoint checkpoint(v3, GgmlType::kF32, 1);
  checkpoint.Remove("blk.1.ffn_up.5.weight");
  EXPECT_STATUS(LoadDecoder(checkpoint, {}, Pool(1)), kNotFound, "blk.1.ffn_up.5.weight");
}

class ForwardRefusals : public ::testing::Test {
 protected:
  void SetUp() override {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("llama"),
                                         GgmlType::kQ8_0, 1);
    ASSERT_OK_AND_ASSIGN(decoder_, LoadDecoder(checkpoint, {}, Pool(1)));
    ASSERT_OK_AND_ASSIGN(cache_, KvCache::Create(decoder_->kv_layout(), 2, 16));
    logits_.resize(static_cast<size_t>(decoder_->config().vocabulary));
  }
  Status Decode(std::vector<int32_t> tokens, int32_t position, std::vector<int32_t> table,
             int32_t num_logits = 1) {
    const SequenceSlice slice{tokens, position, table, num_logits};
    return decoder_->Forward(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits_));
  }
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<KvCache> cache_;
  std::vector<float> logits_;
};

TEST_F(ForwardRefusals, TokensBlocksAndLogitsOutsideTheirRanges) {
  EXPECT_OK(Decode({1, 2}, 0, {0}));
  EXPECT_STATUS(Decode({100000}, 0, {0}), kInvalidArgument, "outside the vocabulary");
  EXPECT_STATUS(Decode({-1}, 0, {0}), kInvalidArgument, "outside the vocabulary");
  EXPECT_STATUS(Decode({1}, 0, {2}), kInvalidArgument, "outside the cache");
  EXPECT_STATUS(Decode({1}, 16, {0}), kInvalidArgument, "does not fit");
  EXPECT_STATUS(Decode({}, 0, {0}), kInvalidArgument, "does not fit");
  EXPECT_STATUS(Decode({1}, 0, {0}, 2), kInvalidArgument, "were asked for");
  EXPECT_STATUS(Decode({1}, 0, {0}, 0), kInvalidArgument, "room for");
}

TEST_F(ForwardRefusals, ACacheOfAnotherModel) {
  KvLayout other = decoder_->kv_layout();
  other.num_layers += 1;
  ASSERT_OK_AND_ASSIGN(cache_, KvCache::Create(other, 2, 16));
  EXPECT_STATUS(Decode({1}, 0, {0}), kInvalidArgument, "another model");
}

}  // namespace
}  // namespace hadal::inference
