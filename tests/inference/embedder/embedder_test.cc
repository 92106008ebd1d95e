// A model of one layer and eight numbers: what the embedder does around the arithmetic.
#include "inference/embedder.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "base/file.h"
#include "inference/kernels/thread_pool.h"
#include "tests/inference/weights/gguf_writer.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::GgufWriter;

constexpr uint64_t kHidden = 8;
constexpr uint64_t kFfn = 16;
constexpr uint64_t kVocabulary = 40;
constexpr uint64_t kContext = 12;

// Tokens: <s> </s> <unk>, the word mark, a..z.
struct ModelBuilder {
  GgufWriter writer;
  std::string data;
  std::mt19937 random{4};
  float fill = 0;  // 0: random weights

  void Tensor(const std::string& name, const std::vector<uint64_t>& ne) {
    uint64_t count = 1;
    for (uint64_t n : ne) count *= n;
    writer.Tensor(name, ne, 0, data.size());
    for (uint64_t i = 0; i < count; ++i) {
      const float value = fill != 0 ? fill : static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    data.resize((data.size() + 31) / 32 * 32);
  }

  std::string Build(const std::string& architecture = "bert", uint32_t pooling = 1) {
    writer.Text("general.architecture", architecture);
    writer.U32(architecture + ".block_count", 1).U32(architecture + ".context_length", kContext);
    writer.U32(architecture + ".embedding_length", kHidden);
    writer.U32(architecture + ".feed_forward_length", kFfn);
    writer.U32(architecture + ".attention.head_count", 2);
    writer.F32(architecture + ".attention.layer_norm_epsilon", 1e-6f);
    writer.F32(architecture + ".attention.layer_norm_rms_epsilon", 1e-6f);
    writer.U32("bert.pooling_type", pooling);
    writer.Text("hadal.embedding.query_prefix", "q ");
    writer.Text("hadal.embedding.passage_prefix", "pp ");
    AddTokenizer();
    Tensor("token_embd.weight", {kHidden, kVocabulary});
    Tensor("position_embd.weight", {kHidden, kContext});
    Tensor("token_types.weight", {kHidden, 2});
    for (const char* norm :
         {"token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"}) {
      Tensor(std::string(norm) + ".weight", {kHidden});
      Tensor(std::string(norm) + ".bias", {kHidden});
    }
    for (const char* square : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      Tensor(std::string("blk.0.") + square + ".weight", {kHidden, kHidden});
      Tensor(std::string("blk.0.") + square + ".bias", {kHidden});
    }
    Tensor("blk.0.ffn_up.weight", {kHidden, kFfn});
    Tensor("blk.0.ffn_up.bias", {kFfn});
    Tensor("blk.0.ffn_down.weight", {kFfn, kHidden});
    Tensor("blk.0.ffn_down.bias", {kHidden});
    return writer.Data(data).Bytes();
  }

  void AddTokenizer() {
    std::vector<std::string> tokens = {"<s>", "</s>", "<unk>", "\u2581"};
    for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
    writer.Text("tokenizer.ggml.model", "t5").Strings("tokenizer.ggml.tokens", tokens);
    writer.Array("tokenizer.ggml.scores", 6, tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) writer.Append(-1.0f);
    writer.Array("tokenizer.ggml.token_type", 5, tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) writer.Append(int32_t{i < 2 ? 3 : i == 2 ? 2 : 1});
    writer.U32("tokenizer.ggml.bos_token_id", 0).U32("tokenizer.ggml.eos_token_id", 1);
    writer.U32("tokenizer.ggml.unknown_token_id", 2);
    writer.Array("hadal.tokenizer.map.code_points", 4, 0);
    writer.Array("hadal.tokenizer.map.texts", 8, 0);
  }
};

class EmbedderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  StatusOr<std::unique_ptr<Embedder>> Load(const std::string& bytes) {
    const std::string path = dir_->path() + "/m.gguf";
    std::ofstream(path, std::ios::binary) << bytes;
    return Embedder::Load(path, std::make_shared<ThreadPool>(2));
  }
  std::unique_ptr<TempDir> dir_;
};

std::vector<float> Row(const Embeddings& embeddings, size_t row) {
  const auto dim = static_cast<size_t>(embeddings.dim);
  return {embeddings.values.begin() + static_cast<ptrdiff_t>(row * dim),
          embeddings.values.begin() + static_cast<ptrdiff_t>((row + 1) * dim)};
}

TEST_F(EmbedderTest, PrefixesOrderAndLength) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, Load(ModelBuilder().Build()));
  EXPECT_EQ(embedder->dim(), 8);
  EXPECT_EQ(embedder->max_tokens(), 12);
  EXPECT_EQ(embedder->CountTokens("ab c"), 5);
  ASSERT_OK_AND_ASSIGN(const Embeddings query, embedder->Embed({"ab", "x"}, EmbedKind::kQuery));
  ASSERT_OK_AND_ASSIGN(const Embeddings raw, embedder->Embed({"x", "q ab"}, EmbedKind::kRaw));
  EXPECT_EQ(query.tokens, 7 + 6);  // <s> mark q mark a b </s>
  EXPECT_EQ(Row(query, 0), Row(raw, 1));
  ASSERT_OK_AND_ASSIGN(const Embeddings passage, embedder->Embed({"ab"}, EmbedKind::kPassage));
  EXPECT_NE(Row(passage, 0), Row(query, 0));
  double squares = 0;
  for (float v : Row(query, 0)) squares += static_cast<double>(v) * v;
  EXPECT_NEAR(squares, 1.0, 1e-5);
  ASSERT_OK_AND_ASSIGN(const Embeddings none, embedder->Embed({}, EmbedKind::kRaw));
  EXPECT_TRUE(none.values.empty());
}

TEST_F(EmbedderTest, LongTextIsCutAndKeepsItsEnd) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, Load(ModelBuilder().Build()));
  ASSERT_OK_AND_ASSIGN(const Embeddings cut,
                       embedder->Embed({std::string(500, 'a')}, EmbedKind::kRaw));
  EXPECT_EQ(cut.tokens, 12);
  std::vector<int32_t> ids = {0, 3};
  while (ids.size() < 11) ids.push_back(4);
  ids.push_back(1);
  ASSERT_OK_AND_ASSIGN(const Embeddings expected, embedder->EmbedTokens({ids}));
  EXPECT_EQ(cut.values, expected.values);
}

TEST_F(EmbedderTest, RefusesBadIds) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, Load(ModelBuilder().Build()));
  EXPECT_STATUS(embedder->EmbedTokens({{}}), kInvalidArgument, "0 tokens");
  EXPECT_STATUS(embedder->EmbedTokens({std::vector<int32_t>(13, 4)}), kInvalidArgument,
                "13 tokens");
  EXPECT_STATUS(embedder->EmbedTokens({{0, 40}}), kInvalidArgument, "token id 40");
  EXPECT_STATUS(embedder->EmbedTokens({{0, -1}}), kInvalidArgument, "token id -1");
}

TEST_F(EmbedderTest, RefusesModelsThatAreNoMeanPoolingEncoder) {
  EXPECT_STATUS(Load(ModelBuilder().Build("qwen2")), kInvalidArgument, "no encoder");
  EXPECT_STATUS(Load(ModelBuilder().Build("bert", 2)), kInvalidArgument, "pooling_type");
}

TEST_F(EmbedderTest, DamagedWeightsGiveAnErrorNotAVector) {
  ModelBuilder builder;
  builder.fill = std::nanf("");
  ASSERT_OK_AND_ASSIGN(const auto embedder, Load(builder.Build()));
  EXPECT_STATUS(embedder->Embed({"ab"}, EmbedKind::kRaw), kDataLoss, "finite");
}

TEST_F(EmbedderTest, ManyThreadsManyBatchesSameVectors) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, Load(ModelBuilder().Build()));
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back(std::string(static_cast<size_t>(i % 9), 'c') + "xyz");
  ASSERT_OK_AND_ASSIGN(const Embeddings expected, embedder->Embed(texts, EmbedKind::kPassage));
  std::vector<std::thread> threads;
  std::vector<int> equal(4);
  for (size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto found = embedder->Embed(texts, EmbedKind::kPassage);
      equal[t] = found.ok() && found->values == expected.values ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(equal, ::testing::Each(1));
  ASSERT_OK_AND_ASSIGN(const Embeddings one, embedder->Embed({texts[17]}, EmbedKind::kPassage));
  EXPECT_EQ(Row(one, 0), Row(expected, 17));
}

}  // namespace
}  // namespace hadal::inference
