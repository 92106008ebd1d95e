// tests/golden: small rows that stand in the repository.
#include "inference/chat.h"
#include "inference/tokenizer.h"
#include "inference/tokenizer/pre_tokenizer.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;

void CheckIds(const std::string& model, const std::string& name) {
  const std::string path = ModelPath(model);
  if (!testing::Exists(path)) GTEST_SKIP() << path << " is absent";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, LoadTokenizer(path));
  const auto rows = testing::ReadRows(SourcePath("tests/golden/tokenizers/") + name + ".jsonl");
  ASSERT_FALSE(rows.empty());
  for (const json& row : rows) {
    const auto text = row.at("text").get<std::string>();
    EXPECT_EQ(json(tokenizer->Encode(text, {})), row.at("ids")) << text;
    EXPECT_EQ(tokenizer->Decode(row.at("ids"), false), text);
  }
}

TEST(OwnGolden, Qwen25) { CheckIds("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "qwen2.5"); }
TEST(OwnGolden, SmolLm2) { CheckIds("smollm2-135m-instruct-q4_1.gguf", "smollm2"); }

TEST(OwnGolden, Llama3Words) {
  const auto rows = testing::ReadRows(SourcePath("tests/golden/pre_tokenizers/llama3.jsonl"));
  ASSERT_GE(rows.size(), 70u);
  for (const json& row : rows) {
    const auto text = row.at("text").get<std::string>();
    json words = json::array();
    for (const auto word : SplitWords(PreTokenizer::kLlama3, text)) words.push_back(word);
    EXPECT_EQ(words, row.at("words")) << text;
  }
}

TEST(OwnGolden, ChatPrompts) {
  const std::pair<const char*, ChatTemplate> templates[] = {
      {"qwen2.5", ChatTemplate::kQwen25},
      {"smollm2", ChatTemplate::kSmolLm2},
      {"r1_distill_qwen", ChatTemplate::kR1DistillQwen},
      {"deepseek_r1", ChatTemplate::kDeepSeekR1},
      {"deepseek_v2", ChatTemplate::kDeepSeekV2},
      {"deepseek_v25", ChatTemplate::kDeepSeekV25},
      {"deepseek_v3", ChatTemplate::kDeepSeekV3},
      {"llama3", ChatTemplate::kLlama3},
      {"llama31", ChatTemplate::kLlama31}};
  for (const auto& [name, chat] : templates) {
    const auto rows = testing::ReadRows(SourcePath("tests/golden/chat/") + name + ".jsonl");
    ASSERT_FALSE(rows.empty());
    for (const json& row : rows) {
      std::vector<ChatMessage> messages;
      for (const json& message : row.at("messages")) {
        messages.push_back({message.at("role"), message.at("content")});
      }
      ASSERT_OK_AND_ASSIGN(const std::string prompt,
                           RenderChat(chat, messages, row.at("add_generation_prompt")));
      EXPECT_EQ(prompt, row.at("prompt").get<std::string>()) << name;
    }
  }
}

}  // namespace
}  // namespace hadal::inference
