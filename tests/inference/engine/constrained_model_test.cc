// The default model, asked for JSON in words and by a schema. Skips without the model file.
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>

#include "inference/chat_model.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;

class ConstrainedModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) GTEST_SKIP() << "no model file " << path;
    EngineOptions options;
    options.kv_cache_bytes = int64_t{64} << 20;
    ASSERT_OK_AND_ASSIGN(model_, LoadChatModel(path, options, MakeThreadPool(2)));
  }

  std::unique_ptr<GenerationStream> Submit(const std::string& question, const ConstraintSpec& spec,
                                           float temperature = 0) {
    GenerateRequest request;
    request.prompt_tokens =
        *EncodeChat(model_.chat_template, {{"user", question}}, true, *model_.tokenizer);
    request.sampling.max_tokens = 160;
    request.sampling.temperature = temperature;
    request.sampling.seed = 7;
    request.constraint = *model_.constraints->Compile(spec);
    return *model_.engine->Submit(request);
  }

  static std::string Read(GenerationStream& stream) {
    std::string text;
    while (auto delta = stream.Next()) {
      text += delta->text;
      EXPECT_EQ(delta->finish_reason, FinishReason::kStop) << delta->error;
    }
    return text;
  }

  ChatModel model_;
};

const ConstraintSpec kPerson = {ConstraintSpec::Kind::kJsonSchema,
                                R"({"type":"object",
    "properties":{"name":{"type":"string","maxLength":40},"age":{"type":"integer","minimum":0,
    "maximum":150},"languages":{"type":"array","items":{"enum":["English","French","Chinese"]},
    "maxItems":3},"employed":{"type":"boolean"}},"required":["name","age","languages","employed"],
    "additionalProperties":false})",
                                {}};
constexpr char kQuestion[] =
    "Describe this person as JSON: Marie is 34 years old, works as an engineer, and speaks French "
    "and English.";

TEST_F(ConstrainedModelTest, AnswersWithTheSchema) {
  const std::string text = Read(*Submit(kQuestion, kPerson));
  const json answer = json::parse(text, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(answer.is_object()) << text;
  EXPECT_EQ(answer.size(), 4u) << text;
  EXPECT_EQ(answer["name"], "Marie") << text;
  EXPECT_EQ(answer["age"], 34) << text;
  EXPECT_TRUE(answer["employed"].is_boolean()) << text;
  EXPECT_LE(answer["languages"].size(), 3u) << text;
}

TEST_F(ConstrainedModelTest, AnswersWithARegex) {
  const std::string text =
      Read(*Submit("What is the capital of France?",
                   {ConstraintSpec::Kind::kRegex, "(London|Rome|Paris|Berlin|I do not know)", {}}));
  EXPECT_EQ(text, "Paris");
}

/// Greedy and sampled, free and constrained beside each other: the same as alone.
TEST_F(ConstrainedModelTest, TheSameAloneAndBesideOthers) {
  const ConstraintSpec any_object;
  std::vector<std::string> alone;
  for (const float temperature : {0.0f, 0.8f}) {
    alone.push_back(Read(*Submit(kQuestion, kPerson, temperature)));
  }
  std::vector<std::unique_ptr<GenerationStream>> streams;
  for (const float temperature : {0.0f, 0.8f}) {
    streams.push_back(Submit(kQuestion, kPerson, temperature));
    streams.push_back(Submit("Give me an empty JSON object: {}", any_object, temperature));
  }
  EXPECT_EQ(Read(*streams[0]), alone[0]);
  EXPECT_EQ(Read(*streams[2]), alone[1]);
  EXPECT_TRUE(json::accept(alone[1])) << alone[1];
}

}  // namespace
}  // namespace hadal::inference
