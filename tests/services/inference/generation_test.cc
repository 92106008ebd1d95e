#include "services/inference/generation.h"

#include <algorithm>

#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

using inference::testing::FakeTokenizer;

class GenerationTest : public ::testing::Test {
 protected:
  GenerationTest() {
    model_.tokenizer = std::make_shared<FakeTokenizer>();
    model_.chat_template = inference::ChatTemplate::kQwen25;
    model_.context_length = 400;
    model_.constraints = inference::ConstraintCompiler::Create(*model_.tokenizer);
    AddMessage("user", "hello");
  }
  void AddMessage(const std::string& role, const std::string& content) {
    auto* message = wire_.add_messages();
    message->set_role(role);
    message->set_content(content);
  }
  StatusOr<Generation> Prepare() {
    return PrepareGeneration(wire_, model_, absl::InfiniteFuture());
  }
  inference::ChatModel model_;
  internal::v1::GenerateRequest wire_;
};

TEST_F(GenerationTest, TakesOverWhatTheRequestSays) {
  wire_.mutable_sampling()->set_temperature(0.5f);
  wire_.mutable_sampling()->set_seed(9);
  wire_.mutable_sampling()->set_max_tokens(33);
  wire_.mutable_sampling()->add_stop("x");
  wire_.set_cache_namespace(std::string("\0\1secret", 8));
  EXPECT_EQ(Prepare()->request.n, 1);
  wire_.set_tenant("works");
  wire_.set_priority(-2);
  wire_.set_n(3);
  ASSERT_OK_AND_ASSIGN(const Generation generation, Prepare());
  EXPECT_EQ(generation.request.tenant, "works");
  EXPECT_EQ(generation.request.priority, -2);
  EXPECT_EQ(generation.request.n, 3);
  EXPECT_EQ(generation.request.sampling.temperature, 0.5f);
  EXPECT_EQ(generation.request.sampling.seed, 9u);
  EXPECT_EQ(generation.request.sampling.max_tokens, 33);
  EXPECT_EQ(generation.request.sampling.top_p, 1.0f);  // 0 on the wire: off
  EXPECT_EQ(generation.request.sampling.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(generation.request.cache_namespace.size(), 8u);
  EXPECT_FALSE(generation.begins_inside_reasoning);
}

TEST_F(GenerationTest, TheAssistantPrefixEndsThePrompt) {
  ASSERT_OK_AND_ASSIGN(const Generation plain, Prepare());
  wire_.set_assistant_prefix("So");
  ASSERT_OK_AND_ASSIGN(const Generation prefixed, Prepare());
  std::vector<int32_t> expected = plain.request.prompt_tokens;
  for (int32_t id : model_.tokenizer->Encode("So", {})) expected.push_back(id);
  EXPECT_EQ(prefixed.request.prompt_tokens, expected);
}

TEST_F(GenerationTest, ReasoningMayBeOpenedByThePromptButNotByAMessage) {
  AddMessage("user", "what is <think>?");
  EXPECT_FALSE(Prepare()->begins_inside_reasoning);
  wire_.set_assistant_prefix("<think>\n");
  EXPECT_TRUE(Prepare()->begins_inside_reasoning);
  wire_.set_assistant_prefix("<think>\n\n</think>\n\n");
  EXPECT_FALSE(Prepare()->begins_inside_reasoning);
}

TEST_F(GenerationTest, MaxTokensIsCutToTheContext) {
  ASSERT_OK_AND_ASSIGN(const Generation generation, Prepare());
  const auto prompt = static_cast<int32_t>(generation.request.prompt_tokens.size());
  EXPECT_EQ(generation.request.sampling.max_tokens, 400 - prompt);  // the default is 512
  model_.context_length = prompt;
  EXPECT_STATUS(Prepare(), kInvalidArgument, "shorten it");
  AddMessage("user", std::string(64 * 400, 'x'));
  EXPECT_STATUS(Prepare(), kInvalidArgument, "shorten them");
}

TEST_F(GenerationTest, ConstraintsBeginBehindTheReasoning) {
  EXPECT_EQ(Prepare()->request.constraint, nullptr);
  wire_.mutable_constraint()->set_json_object(true);
  const auto plain = Prepare()->request.constraint;
  ASSERT_NE(plain, nullptr);
  EXPECT_EQ(Prepare()->request.constraint, plain);  // compiled once
  wire_.set_assistant_prefix("<think>\n");
  const auto inside = Prepare()->request.constraint;
  EXPECT_NE(inside, plain);
  wire_.set_assistant_prefix("");
  wire_.mutable_constraint()->set_regex("a(");
  EXPECT_STATUS(Prepare(), kInvalidArgument, "constraint: regular expression, byte 2");
  wire_.mutable_constraint()->set_json_schema(R"({"not":{}})");
  EXPECT_STATUS(Prepare(), kInvalidArgument, "constraint: #: the keyword \"not\"");
  wire_.mutable_constraint()->clear_kind();
  EXPECT_STATUS(Prepare(), kInvalidArgument, "constraint: no kind");
}

TEST_F(GenerationTest, RefusesWhatIsWrong) {
  wire_.mutable_sampling()->set_top_p(1.5f);
  EXPECT_STATUS(Prepare(), kInvalidArgument, "top_p is 1.5");
  wire_.mutable_sampling()->set_top_p(1.0f);
  wire_.mutable_sampling()->set_max_tokens(-1);
  EXPECT_STATUS(Prepare(), kInvalidArgument, "max_tokens is -1");
  wire_.mutable_sampling()->set_max_tokens(1);
  AddMessage("tool", "x");
  EXPECT_STATUS(Prepare(), kInvalidArgument, "tool");
  wire_.clear_messages();
  EXPECT_STATUS(Prepare(), kInvalidArgument, "0 messages");
}

}  // namespace
}  // namespace hadal::inference_service
