#include "services/inference/service.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "base/file.h"
#include "services/inference/generation.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

using inference::testing::FakeDecoder;
using inference::testing::FakeTokenizer;
using inference::testing::ReferenceGenerate;

/// Vectors that tell which text and kind they are of. A text "hold" waits for Release().
class FakeEmbedder final : public inference::Embedder {
 public:
  void WaitForHold() { holding_.WaitForNotification(); }
  void Release() { released_.Notify(); }
  int64_t texts() const { return texts_; }

  StatusOr<inference::Embeddings> Embed(const std::vector<std::string>& texts,
                                        inference::EmbedKind kind) override {
    if (texts.front() == "hold") {
      holding_.Notify();
      released_.WaitForNotification();
    }
    texts_ += static_cast<int64_t>(texts.size());
    inference::Embeddings embeddings;
    embeddings.dim = 2;
    for (const std::string& text : texts) {
      embeddings.values.push_back(static_cast<float>(text.size()));
      embeddings.values.push_back(static_cast<float>(kind));
    }
    embeddings.tokens = static_cast<int32_t>(texts.size());
    return embeddings;
  }
  StatusOr<inference::Embeddings> EmbedTokens(const std::vector<std::vector<int32_t>>&) override {
    return Unimplemented("not used here");
  }
  int32_t dim() const override { return 2; }
  int32_t max_tokens() const override { return 512; }
  int32_t CountTokens(const std::string& text) const override {
    return static_cast<int32_t>(text.size()) + 2;
  }

 private:
  absl::Notification holding_;
  absl::Notification released_;
  std::atomic<int64_t> texts_ = 0;
};

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    for (const char* name : {"/chat.gguf", "/embed.gguf"}) {
      ASSERT_OK(WriteFileAtomic(folder_->path() + name, "abc"));
    }
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = internal::v1::Inference::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  }

  void Serve() {
    inference::EngineOptions options;
    options.kv_blocks = 200;
    chat_ = std::make_shared<inference::ChatModel>();
    chat_->tokenizer = std::make_shared<FakeTokenizer>();
    chat_->context_length = decoder_->config().context_length;
    ASSERT_OK_AND_ASSIGN(chat_->engine,
                         inference::Engine::Create(options, decoder_, chat_->tokenizer));
    auto chat = std::make_shared<ServedModel>();
    chat->entry = {"chatter", folder_->path() + "/chat.gguf", ModelKind::kChat};
    chat->info.architecture = "fake";
    chat->chat = chat_;
    auto embedder = std::make_shared<ServedModel>();
    embedder->entry = {"embedder", folder_->path() + "/embed.gguf", ModelKind::kEmbedding};
    embedder->embedder = embedder_;
    served_->Add(chat);
    served_->Add(embedder);
    service_.Serve(served_, std::make_shared<ModelDigests>(
                                std::vector<std::string>{chat->entry.path, embedder->entry.path},
                                folder_->path() + "/digests.json"));
  }

  static internal::v1::GenerateRequest Request(int32_t max_tokens) {
    internal::v1::GenerateRequest request;
    auto* message = request.add_messages();
    message->set_role("user");
    message->set_content("question");
    request.mutable_sampling()->set_max_tokens(max_tokens);
    return request;
  }

  struct Answer {
    std::string reasoning;
    std::string content;
    internal::v1::GenerateResult result;
    grpc::Status status;
  };
  Answer Generate(const internal::v1::GenerateRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub_->Generate(&context, request);
    Answer answer;
    internal::v1::GenerateEvent event;
    while (reader->Read(&event)) {
      EXPECT_EQ(answer.result.finish_reason(), "") << "an event after the result";
      answer.reasoning += event.delta().reasoning();
      answer.content += event.delta().content();
      if (event.has_result()) answer.result = event.result();
    }
    answer.status = reader->Finish();
    return answer;
  }

  void ExpectAllBlocksFree() {
    const absl::Time give_up = absl::Now() + absl::Seconds(20);
    inference::EngineStats stats = chat_->engine->Stats();
    while ((stats.running > 0 || stats.waiting > 0) && absl::Now() < give_up) {
      absl::SleepFor(absl::Milliseconds(2));
      stats = chat_->engine->Stats();
    }
    EXPECT_EQ(stats.free_blocks, stats.total_blocks);
    EXPECT_EQ(stats.running, 0);
  }

  const std::shared_ptr<FakeDecoder> decoder_ = std::make_shared<FakeDecoder>();
  const std::shared_ptr<FakeEmbedder> embedder_ = std::make_shared<FakeEmbedder>();
  std::unique_ptr<TempDir> folder_;
  const std::shared_ptr<ServedModels> served_ = std::make_shared<ServedModels>();
  std::shared_ptr<inference::ChatModel> chat_;
  InferenceService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<internal::v1::Inference::Stub> stub_;
};

TEST_F(ServiceTest, IsUnavailableUntilTheModelsAreThere) {
  EXPECT_EQ(Generate(Request(5)).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  Serve();
  EXPECT_TRUE(Generate(Request(5)).status.ok());
}

TEST_F(ServiceTest, StreamsWhatTheEngineGenerates) {
  Serve();
  for (int32_t max_tokens : {1, 7, 200}) {
    for (const char* content : {"a", "one more", "and another one"}) {
      internal::v1::GenerateRequest request = Request(max_tokens);
      request.mutable_messages(0)->set_content(content);
      ASSERT_OK_AND_ASSIGN(const Generation prepared,
                           PrepareGeneration(request, *chat_, absl::InfiniteFuture()));
      const auto expected = ReferenceGenerate(prepared.request);
      const Answer answer = Generate(request);
      ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
      EXPECT_EQ(answer.content, expected.text);
      EXPECT_EQ(answer.reasoning, "");
      EXPECT_EQ(
          std::vector<int32_t>(answer.result.token_ids().begin(), answer.result.token_ids().end()),
          expected.tokens);
      EXPECT_EQ(answer.result.finish_reason(),
                expected.reason == inference::FinishReason::kStop ? "stop" : "length");
      EXPECT_EQ(answer.result.prompt_tokens(),
                static_cast<int32_t>(prepared.request.prompt_tokens.size()));
      EXPECT_EQ(answer.result.completion_tokens(), answer.result.token_ids_size());
    }
  }
}

// Each choice has its own text, reasoning and ending; the prompt is counted once.
TEST_F(ServiceTest, StreamsEveryChoice) {
  Serve();
  for (const char* prefix : {"", "<think>"}) {
    internal::v1::GenerateRequest request = Request(20);
    request.mutable_sampling()->set_temperature(1);
    request.mutable_sampling()->set_seed(5);
    request.mutable_sampling()->set_top_logprobs(0);
    request.set_assistant_prefix(prefix);
    request.set_n(3);
    ASSERT_OK_AND_ASSIGN(const Generation prepared,
                         PrepareGeneration(request, *chat_, absl::InfiniteFuture()));
    grpc::ClientContext context;
    const auto reader = stub_->Generate(&context, request);
    std::vector<std::string> reasoning(3);
    std::vector<std::string> content(3);
    std::vector<int> logprobs(3);
    internal::v1::GenerateResult result;
    internal::v1::GenerateEvent event;
    while (reader->Read(&event)) {
      const auto k = static_cast<size_t>(event.delta().choice());
      reasoning.at(k) += event.delta().reasoning();
      content.at(k) += event.delta().content();
      logprobs.at(k) += event.delta().logprobs_size();
      if (event.has_result()) result = event.result();
    }
    ASSERT_TRUE(reader->Finish().ok());
    ASSERT_EQ(result.others_size(), 2);
    int32_t completion_tokens = 0;
    for (int k = 0; k < 3; ++k) {
      inference::GenerateRequest alone = prepared.request;
      alone.sampling.seed = inference::ChoiceSeed(5, k);
      const auto expected = ReferenceGenerate(alone);
      const auto i = static_cast<size_t>(k);
      EXPECT_EQ(*prefix == 0 ? content[i] : reasoning[i], expected.text);
      EXPECT_EQ(*prefix == 0 ? reasoning[i] : content[i], "");
      EXPECT_EQ(logprobs[i], static_cast<int>(expected.tokens.size()));
      const auto& ids = k == 0 ? result.token_ids() : result.others(k - 1).token_ids();
      EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), expected.tokens);
      EXPECT_EQ(k == 0 ? result.finish_reason() : result.others(k - 1).finish_reason(),
                expected.reason == inference::FinishReason::kStop ? "stop" : "length");
      completion_tokens += static_cast<int32_t>(expected.tokens.size());
    }
    EXPECT_EQ(result.prompt_tokens(), static_cast<int32_t>(prepared.request.prompt_tokens.size()));
    EXPECT_EQ(result.completion_tokens(), completion_tokens);
  }
  internal::v1::GenerateRequest too_many = Request(5);
  too_many.set_n(1000);
  EXPECT_EQ(Generate(too_many).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ExpectAllBlocksFree();
}

TEST_F(ServiceTest, AChainOfThoughtOpenedByThePromptIsReasoning) {
  Serve();
  internal::v1::GenerateRequest request = Request(30);
  request.set_assistant_prefix("<think>");
  const Answer answer = Generate(request);
  EXPECT_NE(answer.reasoning, "");
  EXPECT_EQ(answer.content, "");
}

TEST_F(ServiceTest, PrefixHitsAreReportedWithinANamespaceOnly) {
  Serve();
  internal::v1::GenerateRequest request = Request(4);
  request.set_cache_namespace("tenant a");
  EXPECT_EQ(Generate(request).result.cached_tokens(), 0);
  EXPECT_GT(Generate(request).result.cached_tokens(), 0);
  request.set_cache_namespace("tenant b");
  EXPECT_EQ(Generate(request).result.cached_tokens(), 0);
}

TEST_F(ServiceTest, NamesTheModelsThereAre) {
  Serve();
  internal::v1::GenerateRequest request = Request(4);
  request.set_model("gpt");
  grpc::Status status = Generate(request).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no model gpt; there are: chatter, embedder");
  request.set_model("embedder");
  EXPECT_EQ(Generate(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_model("chatter");
  EXPECT_TRUE(Generate(request).status.ok());
}

TEST_F(ServiceTest, ACancelledCallFreesItsBlocks) {
  decoder_->before_forward = [](absl::Span<const inference::SequenceSlice>) {
    absl::SleepFor(absl::Milliseconds(1));
    return OkStatus();
  };
  Serve();
  for (int round = 0; round < 10; ++round) {
    grpc::ClientContext context;
    auto request = Request(3000);
    request.mutable_messages(0)->set_content("question " + std::to_string(round));
    const auto reader = stub_->Generate(&context, request);
    internal::v1::GenerateEvent event;
    for (int i = 0; i < round; ++i) reader->Read(&event);
    context.TryCancel();
    while (reader->Read(&event)) {
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.error_code() == grpc::StatusCode::CANCELLED || status.ok());
  }
  ExpectAllBlocksFree();
}

TEST_F(ServiceTest, ADeadlineEndsTheCallAndFreesItsBlocks) {
  decoder_->before_forward = [](absl::Span<const inference::SequenceSlice>) {
    absl::SleepFor(absl::Milliseconds(50));
    return OkStatus();
  };
  Serve();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(70));
  const auto reader = stub_->Generate(&context, Request(3000));
  internal::v1::GenerateEvent event;
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ExpectAllBlocksFree();
}

TEST_F(ServiceTest, ADecoderErrorReachesTheClient) {
  decoder_->before_forward = [](absl::Span<const inference::SequenceSlice>) {
    return DataLoss("injected fault");
  };
  Serve();
  const grpc::Status status = Generate(Request(4)).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(status.error_message(), "injected fault");
}

TEST_F(ServiceTest, BackgroundTextsLetEveryOtherCallGoFirst) {
  Serve();
  std::thread held([&] {
    v1::EmbedRequest request;
    request.set_model("embedder");
    request.add_texts("hold");
    grpc::ClientContext context;
    v1::EmbedResponse response;
    EXPECT_TRUE(stub_->Embed(&context, request, &response).ok());
  });
  embedder_->WaitForHold();
  std::thread background([&] {
    v1::EmbedRequest request;
    request.set_model("embedder");
    request.set_priority(v1::EMBED_PRIORITY_BACKGROUND);
    for (int i = 0; i < 5; ++i) request.add_texts("later");
    grpc::ClientContext context;
    v1::EmbedResponse response;
    EXPECT_TRUE(stub_->Embed(&context, request, &response).ok());
    EXPECT_EQ(response.vectors_size(), 5);
  });
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(embedder_->texts(), 0);
  // It steps aside, it does not stand still: one text after a while.
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (embedder_->texts() == 0 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(embedder_->texts(), 1);
  embedder_->Release();
  held.join();
  background.join();
  EXPECT_EQ(embedder_->texts(), 6);
}

TEST_F(ServiceTest, EmbedsInOrderWithTheKindAskedFor) {
  Serve();
  v1::EmbedRequest request;
  for (int i = 0; i < 21; ++i) request.add_texts(std::string(static_cast<size_t>(i), 'x'));
  request.set_kind(v1::EMBED_KIND_PASSAGE);
  grpc::ClientContext context;
  v1::EmbedResponse response;
  ASSERT_TRUE(stub_->Embed(&context, request, &response).ok());
  ASSERT_EQ(response.vectors_size(), 21);
  EXPECT_EQ(response.tokens(), 21);
  for (int i = 0; i < 21; ++i) {
    ASSERT_EQ(response.vectors(i).values_size(), 2);
    EXPECT_EQ(response.vectors(i).values(0), static_cast<float>(i));
    EXPECT_EQ(response.vectors(i).values(1), static_cast<float>(inference::EmbedKind::kPassage));
  }
  request.set_model("chatter");
  grpc::ClientContext wrong_kind;
  EXPECT_EQ(stub_->Embed(&wrong_kind, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, CountsTokensUnderEitherKindOfModel) {
  Serve();
  internal::v1::CountTokensRequest request;
  request.add_texts("four");
  request.add_texts("");
  internal::v1::CountTokensResponse response;
  grpc::ClientContext chat;
  ASSERT_TRUE(stub_->CountTokens(&chat, request, &response).ok());
  EXPECT_EQ(response.counts(0), 4);
  EXPECT_EQ(response.counts(1), 0);
  request.set_model("embedder");
  grpc::ClientContext embedder;
  ASSERT_TRUE(stub_->CountTokens(&embedder, request, &response).ok());
  EXPECT_EQ(response.counts(0), 6);
}

TEST_F(ServiceTest, ListsModelsWithTheDigestOfTheirFiles) {
  Serve();
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  ASSERT_TRUE(stub_->ListModels(&context, {}, &response).ok());
  ASSERT_EQ(response.models_size(), 2);
  EXPECT_EQ(response.models(0).id(), "chatter");
  EXPECT_EQ(response.models(0).kind(), "chat");
  EXPECT_EQ(response.models(0).file(), "chat.gguf");
  EXPECT_EQ(response.models(0).sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(response.models(1).kind(), "embedding");
  EXPECT_EQ(response.models(1).embedding_dim(), 2);
}

TEST_F(ServiceTest, AnUnloadedModelIsNotFoundAndEndsWhatRunsWhenItsGraceIsOver) {
  Serve();
  grpc::ClientContext context;
  auto request = Request(3000);
  request.set_model("chatter");
  const auto reader = stub_->Generate(&context, request);
  internal::v1::GenerateEvent event;
  ASSERT_TRUE(reader->Read(&event));
  ServedModels::Model model = served_->Remove("chatter");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(Generate(request).status.error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(reader->Read(&event));  // the running one goes on
  model->retired = true;
  while (reader->Read(&event)) {
  }
  const grpc::Status ended = reader->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(ended.error_message(), ::testing::HasSubstr("chatter was unloaded"));
  ExpectAllBlocksFree();
}

}  // namespace
}  // namespace hadal::inference_service
