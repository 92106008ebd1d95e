// Constrained requests through the engine. That their tokens do not depend on what else runs is
// checked with everybody else's in engine_core_test.cc.
#include <functional>
#include <limits>

#include "inference/constraint.h"
#include "inference/engine.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::FakeDecoder;
using testing::FakeTokenizer;

/// The fake decoder with its logits changed.
class EditedDecoder final : public Decoder {
 public:
  const ModelConfig& config() const override { return inner_.config(); }
  const KvLayout& kv_layout() const override { return inner_.kv_layout(); }
  Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                 absl::Span<float> logits) override {
    RETURN_IF_ERROR(inner_.Forward(batch, cache, logits));
    if (edit) edit(logits);
    return OkStatus();
  }
  std::function<void(absl::Span<float>)> edit;

 private:
  FakeDecoder inner_;
};

class ConstrainedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.kv_blocks = 100;
    ASSERT_OK_AND_ASSIGN(engine_, Engine::Create(options, decoder_, tokenizer_));
  }

  GenerateDelta Generate(const std::string& regex, int32_t max_tokens = 100) {
    GenerateRequest request;
    request.prompt_tokens = {5, 6, 7};
    request.sampling.max_tokens = max_tokens;
    const auto constraint =
        ConstraintCompiler::Create(*tokenizer_)->Compile({ConstraintSpec::Kind::kRegex, regex, {}});
    EXPECT_OK(constraint);
    request.constraint = *constraint;
    auto stream = engine_->Submit(request);
    EXPECT_OK(stream);
    GenerateDelta all;
    while (auto delta = (*stream)->Next()) {
      all.text += delta->text;
      all.token_ids.insert(all.token_ids.end(), delta->token_ids.begin(), delta->token_ids.end());
      all.finish_reason = delta->finish_reason;
      all.error = delta->error;
    }
    return all;
  }

  const std::shared_ptr<EditedDecoder> decoder_ = std::make_shared<EditedDecoder>();
  const std::shared_ptr<FakeTokenizer> tokenizer_ = std::make_shared<FakeTokenizer>();
  std::unique_ptr<Engine> engine_;
};

TEST_F(ConstrainedTest, EndsWithoutAnEndTokenWhenNothingMayFollow) {
  const GenerateDelta answer = Generate("(a|c){4}中文");
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop);
  EXPECT_EQ(answer.text.size(), 10u);
  EXPECT_TRUE(answer.text.ends_with("中文"));
  EXPECT_EQ(answer.text.find_first_not_of("ac"), 4u);
  EXPECT_NE(answer.token_ids.back(), testing::kEndToken);
}

TEST_F(ConstrainedTest, TheModelDecidesWhenMoreMayFollow) {
  decoder_->edit = [](absl::Span<float> logits) { logits[testing::kEndToken] = 100.0f; };
  const GenerateDelta answer = Generate("[ac]{4,}");  // it wants to end, and may after four
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop);
  EXPECT_EQ(answer.token_ids.back(), testing::kEndToken);
  EXPECT_EQ(answer.token_ids.size(), 5u);
  EXPECT_EQ(answer.text.size(), 4u);
  const GenerateDelta cut = Generate("[a-z]{50}", /*max_tokens=*/5);
  EXPECT_EQ(cut.finish_reason, FinishReason::kLength);
  EXPECT_EQ(cut.token_ids.size(), 5u);
}

TEST_F(ConstrainedTest, NothingAtAllMayBeAsked) {
  const GenerateDelta answer = Generate("");
  EXPECT_EQ(answer.finish_reason, FinishReason::kStop);
  EXPECT_EQ(answer.text, "");
  EXPECT_THAT(answer.token_ids, ::testing::ElementsAre(testing::kEndToken));
}

TEST_F(ConstrainedTest, WhatTheVocabularyCannotSpellIsAnError) {
  const GenerateDelta answer = Generate("aa0");
  EXPECT_EQ(answer.finish_reason, FinishReason::kError);
  EXPECT_STATUS(answer.error, kResourceExhausted, "no token can follow");
}

TEST_F(ConstrainedTest, BadLogitsAreSeenBehindTheMask) {
  decoder_->edit = [](absl::Span<float> logits) {
    logits[3] = std::numeric_limits<float>::quiet_NaN();  // of a token that is not allowed
  };
  const GenerateDelta with_nan = Generate("a+");
  EXPECT_STATUS(with_nan.error, kInternal, "logit of token 3 is nan");
  decoder_->edit = [](absl::Span<float> logits) {
    for (float& logit : logits) {
      if (&logit != &logits[2]) logit = -std::numeric_limits<float>::infinity();
    }
  };
  const GenerateDelta impossible = Generate("a+");
  EXPECT_STATUS(impossible.error, kInternal, "-inf");
}

}  // namespace
}  // namespace hadal::inference
