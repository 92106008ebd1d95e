// Every conversation of the reference templates, exactly.
#include "inference/chat.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;
using testing::Exists;
using testing::SharedGolden;

// `thinks`: the same template as published later, where the prompt opens a chain of thought.
void CheckTemplate(const std::string& name, ChatTemplate expected,
                   const std::string& tokenizer_file,
                   std::optional<ChatTemplate> thinks = std::nullopt) {
  const std::string rows_path = SharedGolden("chat/" + name + ".jsonl");
  const std::string packed = SharedGolden("tokenizer_files/" + tokenizer_file);
  if (!Exists(rows_path) || !Exists(packed)) GTEST_SKIP() << rows_path << " is absent";
  ASSERT_OK_AND_ASSIGN(const std::string jinja, ReadFile(SharedGolden("chat/" + name + ".jinja")));
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, IdentifyChatTemplate(jinja));
  EXPECT_EQ(chat, expected);
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  const std::string path = dir->path() + "/tokenizer.json";
  if (!testing::UnpackXz(packed, path)) GTEST_SKIP() << "xz is not installed";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, LoadTokenizer(path));
  const auto rows = testing::ReadRows(rows_path);
  EXPECT_GE(rows.size(), 12u);
  int opened_rows = 0;
  for (const json& row : rows) {
    std::vector<ChatMessage> messages;
    for (const json& message : row.at("messages")) {
      messages.push_back({message.at("role"), message.at("content")});
    }
    const bool generate = row.at("add_generation_prompt").get<bool>();
    ASSERT_OK_AND_ASSIGN(const std::string prompt, RenderChat(chat, messages, generate));
    EXPECT_EQ(prompt, row.at("prompt").get<std::string>()) << row.at("name");
    ASSERT_OK_AND_ASSIGN(const auto ids, EncodeChat(chat, messages, generate, *tokenizer));
    EXPECT_EQ(json(ids), row.at("ids")) << row.at("name");
    if (!thinks || !row.contains("prompt_think")) continue;
    ASSERT_OK_AND_ASSIGN(const std::string opened, RenderChat(*thinks, messages, generate));
    EXPECT_EQ(opened, row.at("prompt_think").get<std::string>()) << row.at("name");
    ASSERT_OK_AND_ASSIGN(const auto long_ids, EncodeChat(*thinks, messages, generate, *tokenizer));
    EXPECT_EQ(json(long_ids), row.at("ids_think")) << row.at("name");
    ++opened_rows;
  }
  EXPECT_EQ(opened_rows > 0, thinks.has_value());
}

TEST(ChatGolden, Qwen25) {
  CheckTemplate("qwen2.5", ChatTemplate::kQwen25, "qwen2.5-rebuilt.json.xz");
}
TEST(ChatGolden, SmolLm2) {
  CheckTemplate("smollm2", ChatTemplate::kSmolLm2, "smollm2-rebuilt.json.xz");
}
TEST(ChatGolden, R1DistillQwen) {
  CheckTemplate("r1_distill_qwen", ChatTemplate::kR1DistillQwen, "r1-distill-qwen-rebuilt.json.xz",
                ChatTemplate::kR1DistillThinks);
}
TEST(ChatGolden, DeepSeekR1) {
  CheckTemplate("deepseek_r1", ChatTemplate::kDeepSeekR1, "deepseek_r1.json.xz",
                ChatTemplate::kDeepSeekR1Thinks);
}

}  // namespace
}  // namespace hadal::inference
