#include "services/retrieval/inference_embedder.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval_service {
namespace {

/// Gives each text the vector (its length, kind, 0).
class FakeInference final : public internal::v1::Inference::Service {
 public:
  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                          v1::ListModelsResponse* response) override {
    if (failures_ > 0 && failures_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "loading"};
    v1::Model* chat = response->add_models();
    chat->set_id("chat");
    chat->set_kind("chat");
    for (const char* id : {"e5", "other"}) {
      v1::Model* model = response->add_models();
      model->set_id(id);
      model->set_kind("embedding");
      model->set_embedding_dim(3);
      model->set_context_length(512);
      model->set_sha256(std::string(64, id[0]));
    }
    return grpc::Status::OK;
  }

  grpc::Status Embed(grpc::ServerContext*, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override {
    ++calls_;
    if (request->priority() == v1::EMBED_PRIORITY_BACKGROUND) ++background_;
    largest_ = std::max(largest_.load(), request->texts_size());
    if (failures_ > 0 && failures_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "loading"};
    if (refuse_) return {grpc::StatusCode::NOT_FOUND, "no such model"};
    for (const std::string& text : request->texts()) {
      v1::Vector* vector = response->add_vectors();
      vector->add_values(static_cast<float>(text.size()));
      vector->add_values(static_cast<float>(request->kind()));
      if (!short_) vector->add_values(0);
      response->set_tokens(response->tokens() + static_cast<int32_t>(text.size()) + 4);
    }
    return grpc::Status::OK;
  }

  grpc::Status CountTokens(grpc::ServerContext*, const internal::v1::CountTokensRequest* request,
                           internal::v1::CountTokensResponse* response) override {
    ++calls_;
    if (failures_ > 0 && failures_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "loading"};
    largest_ = std::max(largest_.load(), request->texts_size());
    for (const std::string& text : request->texts()) {
      response->add_counts(static_cast<int32_t>(text.size()));
    }
    return grpc::Status::OK;
  }

  std::atomic<int> failures_ = 0;
  std::atomic<int> calls_ = 0;
  std::atomic<int> background_ = 0;
  std::atomic<int> largest_ = 0;
  std::atomic<bool> refuse_ = false;
  std::atomic<bool> short_ = false;
};

class InferenceEmbedderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
  }
  void TearDown() override { server_->Shutdown(); }

  FakeInference service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(InferenceEmbedderTest, FindsTheModelAndEmbedsInBatches) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {"", 4}));
  EXPECT_EQ(embedder->model_id(), "e5@eeeeeeeeeeeeeeee");
  EXPECT_EQ(embedder->dim(), 3);
  service_.calls_ = 0;
  service_.largest_ = 0;
  std::vector<std::string> texts;
  for (size_t i = 0; i < 10; ++i) texts.push_back(std::string(i, 'x'));
  ASSERT_OK_AND_ASSIGN(const std::vector<float> vectors,
                       embedder->EmbedPassages(texts, retrieval::EmbedPriority::kForeground));
  EXPECT_EQ(service_.background_, 0);
  EXPECT_EQ(service_.calls_, 3);
  EXPECT_EQ(service_.largest_, 4);
  ASSERT_EQ(vectors.size(), 30u);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(vectors[i * 3], static_cast<float>(i));
    EXPECT_EQ(vectors[i * 3 + 1], static_cast<float>(v1::EMBED_KIND_PASSAGE));
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<float> later,
                       embedder->EmbedPassages(texts, retrieval::EmbedPriority::kBackground));
  EXPECT_EQ(later, vectors);
  EXPECT_EQ(service_.background_, 3);
  ASSERT_OK_AND_ASSIGN(const std::vector<float> query, embedder->EmbedQuery("ab"));
  EXPECT_EQ(query, (std::vector<float>{2, static_cast<float>(v1::EMBED_KIND_QUERY), 0}));
}

TEST_F(InferenceEmbedderTest, CountsTokensInBoundedCalls) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {}));
  EXPECT_EQ(embedder->max_tokens(), 512 - 4 - 2);  // prefix, special tokens, reserve
  std::vector<std::string> texts;
  for (size_t i = 0; i < 2500; ++i) texts.push_back(std::string(i % 7, 'x'));
  service_.calls_ = 0;
  service_.failures_ = 1;
  ASSERT_OK_AND_ASSIGN(const std::vector<int32_t> counts, embedder->CountTokens(texts));
  ASSERT_EQ(counts.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(counts[i], static_cast<int32_t>(i % 7));
  EXPECT_EQ(service_.calls_, 4);
  EXPECT_EQ(service_.largest_, 1024);
  service_.calls_ = 0;
  texts.assign(3, std::string(900'000, 'y'));
  ASSERT_OK_AND_ASSIGN(const std::vector<int32_t> large, embedder->CountTokens(texts));
  EXPECT_EQ(large, std::vector<int32_t>(3, 900'000));
  EXPECT_EQ(service_.calls_, 2);
}

TEST_F(InferenceEmbedderTest, TakesTheModelItIsTold) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {"other"}));
  EXPECT_EQ(embedder->model_id(), "other@oooooooooooooooo");
  EXPECT_STATUS(InferenceEmbedder::Connect(channel_, {"absent"}).status(), kNotFound, "absent");
  EXPECT_STATUS(InferenceEmbedder::Connect(channel_, {"chat"}).status(), kNotFound, "chat");
}

TEST_F(InferenceEmbedderTest, WaitsForAServiceThatIsLoading) {
  service_.failures_ = 1;
  EXPECT_STATUS(InferenceEmbedder::Connect(channel_, {}).status(), kUnavailable, "loading");
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {}));
  service_.failures_ = 3;
  EXPECT_OK(embedder->EmbedQuery("a"));
}

TEST_F(InferenceEmbedderTest, ItsPatienceEnds) {
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       InferenceEmbedder::Connect(channel_, {"", 8, absl::Milliseconds(400)}));
  service_.failures_ = 1'000'000;
  const absl::Time start = absl::Now();
  EXPECT_STATUS(embedder->EmbedQuery("a"), kUnavailable, "e5");
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST_F(InferenceEmbedderTest, StoppingEndsWaitingCalls) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {}));
  service_.failures_ = 1'000'000;
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(300));
    embedder->Stop();
  });
  const absl::Time start = absl::Now();
  EXPECT_STATUS(embedder->EmbedQuery("a"), kCancelled, "shutting down");
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  stopper.join();
}

TEST_F(InferenceEmbedderTest, OtherErrorsAreNotRepeated) {
  ASSERT_OK_AND_ASSIGN(const auto embedder, InferenceEmbedder::Connect(channel_, {}));
  service_.refuse_ = true;
  service_.calls_ = 0;
  EXPECT_STATUS(embedder->EmbedQuery("a"), kNotFound, "no such model");
  EXPECT_EQ(service_.calls_, 1);
  service_.refuse_ = false;
  service_.short_ = true;
  EXPECT_STATUS(embedder->EmbedQuery("a"), kInternal, "gave 2 numbers");
}

TEST_F(InferenceEmbedderTest, AServiceThatIsAwayIsUnavailable) {
  const auto nowhere = grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials());
  EXPECT_EQ(InferenceEmbedder::Connect(nowhere, {}).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace hadal::retrieval_service
