#include <nlohmann/json.hpp>

#include "tests/services/gateway/gateway_fixture.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

json BodyOf(const std::string& answer) {
  const size_t body = answer.find("\r\n\r\n");
  return json::parse(answer.substr(body == std::string::npos ? 0 : body + 4), nullptr, false);
}

// The data of each event in a chunked event stream (one event never spans chunks here).
std::vector<std::string> EventsOf(const std::string& answer) {
  std::vector<std::string> events;
  for (size_t at = answer.find("data: "); at != std::string::npos; at = answer.find("data: ", at)) {
    const size_t end = answer.find('\n', at);
    events.push_back(answer.substr(at + 6, end - at - 6));
    at = end;
  }
  return events;
}

std::string Chat(const std::string& model, const std::string& members = "") {
  return R"({"model":")" + model +
         R"(","messages":[{"role":"user","content":"How often must transformer T7 be inspected?"}])" +
         members + "}";
}

class HttpsApiTest : public testing::GatewayFixture {
 protected:
  std::string PostChat(const std::string& body) {
    return Http("POST", "/v1/chat/completions", KeyOf("reader"), body);
  }
};

TEST_F(HttpsApiTest, ChatAnswersWholeWithOneRecord) {
  const std::string answer = PostChat(Chat("tiny-chat", R"(,"seed":5,"max_tokens":7)"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  const json body = BodyOf(answer);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "All is well.");
  EXPECT_EQ(body["usage"]["total_tokens"], 13);
  EXPECT_EQ(inference_.last_request().sampling().seed(), 5u);
  EXPECT_EQ(inference_.last_request().sampling().max_tokens(), 7);
  EXPECT_EQ(inference_.last_request().cache_namespace().size(), 32u);
  EXPECT_EQ(inference_.last_request().tenant(), "reader");
  ASSERT_EQ(records().size(), 1u);
  EXPECT_EQ(body["hadal"]["audit"]["index"], 0);
  EXPECT_EQ(LastRecord().method(), "POST /v1/chat/completions");
  EXPECT_EQ(LastRecord().outcome(), "ok");
  EXPECT_EQ(LastRecord().prompt_tokens(), 11);
  EXPECT_EQ(LastRecord().model(), "tiny-chat");
  EXPECT_THAT(answer, HasSubstr("x-request-id: " + LastRecord().request_id()));
}

TEST_F(HttpsApiTest, StreamedChatHasAStartAndAnEndRecord) {
  const std::string answer =
      PostChat(Chat("tiny-chat", R"(,"stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/event-stream"));
  const auto events = EventsOf(answer);
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(json::parse(events[1])["choices"][0]["delta"]["content"], "All is ");
  EXPECT_EQ(json::parse(events[2])["choices"][0]["delta"]["content"], "well.");
  EXPECT_EQ(json::parse(events[3])["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(json::parse(events[3])["hadal"]["audit"]["index"], 1);
  EXPECT_EQ(json::parse(events[4])["usage"]["completion_tokens"], 2);
  EXPECT_EQ(events[5], "[DONE]");
  ASSERT_EQ(records().size(), 2u);
  EXPECT_EQ(records()[0].outcome(), "started");
  EXPECT_EQ(records()[1].outcome(), "ok");
  EXPECT_EQ(records()[0].request_id(), records()[1].request_id());
}

TEST_F(HttpsApiTest, ManyChoicesWholeAndStreamed) {
  const json body = BodyOf(PostChat(Chat("tiny-chat", R"(,"n":3)")));
  ASSERT_EQ(body["choices"].size(), 3u);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(body["choices"][k]["index"], k);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "All is well.");
  EXPECT_EQ(body["choices"][2]["message"]["content"], "All is 2well.2");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["choices"][2]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["prompt_tokens"], 11);
  EXPECT_EQ(body["usage"]["completion_tokens"], 6);
  EXPECT_EQ(LastRecord().completion_tokens(), 6);
  EXPECT_EQ(LastRecord().attributes().at("n"), "3");
  EXPECT_EQ(LastRecord().attributes().at("finish_reason"), "stop,length,length");
  const std::string whole_digest = LastRecord().answer_sha256();

  const auto events = EventsOf(PostChat(Chat("tiny-chat", R"(,"n":3,"stream":true)")));
  std::vector<std::string> contents(3);
  std::vector<std::string> reasons(3);
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    const json event = json::parse(events[i]);
    for (const json& choice : event["choices"]) {
      const auto k = choice["index"].get<size_t>();
      contents.at(k) += choice["delta"].value("content", "");
      if (choice["finish_reason"].is_string()) reasons.at(k) += choice["finish_reason"];
    }
  }
  EXPECT_THAT(contents, ElementsAre("All is well.", "All is 1well.1", "All is 2well.2"));
  EXPECT_THAT(reasons, ElementsAre("stop", "length", "length"));
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(LastRecord().answer_sha256(), whole_digest);

  const json refused = BodyOf(PostChat(Chat("tiny-chat@kb1", R"(,"n":2)")));
  EXPECT_EQ(refused["error"]["param"], "n");
}

TEST_F(HttpsApiTest, NoTokenLeavesBeforeTheStartRecord) {
  log_->FailAfter(0);
  const std::string answer = PostChat(Chat("tiny-chat", R"(,"stream":true)"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, Not(HasSubstr("All is")));
  EXPECT_THAT(PostChat(Chat("tiny-chat")), Not(HasSubstr("All is")));
  EXPECT_THAT(PostChat(Chat("tiny-chat@kb1")), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(
      Http("POST", "/v1/embeddings", KeyOf("reader"), R"({"model":"tiny-embed","input":"a"})"),
      Not(HasSubstr("embedding\"")));
}

TEST_F(HttpsApiTest, NoDoneLeavesBeforeTheEndRecord) {
  log_->FailAfter(1);
  const std::string answer = PostChat(Chat("tiny-chat", R"(,"stream":true)"));
  EXPECT_THAT(answer, HasSubstr("All is"));
  EXPECT_THAT(answer, HasSubstr("\"error\""));
  EXPECT_THAT(answer, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(answer, Not(HasSubstr("finish_reason\":\"stop")));
  EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n\r\n")));  // cut, not ended
}

TEST_F(HttpsApiTest, AStreamThatBreaksSaysSo) {
  inference_.fail_after_deltas = 1;
  const std::string answer = PostChat(Chat("tiny-chat", R"(,"stream":true)"));
  EXPECT_THAT(answer, HasSubstr("All is"));
  EXPECT_THAT(answer, HasSubstr("the engine failed"));
  EXPECT_THAT(answer, Not(HasSubstr("[DONE]")));
  EXPECT_EQ(LastRecord().outcome(), "error");
  EXPECT_EQ(LastRecord().answer_sha256().size(), 64u);  // of what was released
  inference_.fail_after_deltas = 0;
  EXPECT_THAT(PostChat(Chat("tiny-chat", R"(,"stream":true)")), StartsWith("HTTP/1.1 500"));
}

TEST_F(HttpsApiTest, ClosingAStreamCancelsTheGeneration) {
  inference_.wait_after_first_delta = true;
  const auto client = ConnectHttps();
  const std::string body = Chat("tiny-chat", R"(,"stream":true)");
  ASSERT_OK(
      client->Send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                               "Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                               KeyOf("reader"), body.size(), body)));
  EXPECT_THAT(client->ReadUntil("All is"), HasSubstr("text/event-stream"));
  client->Cut();
  EXPECT_TRUE(Eventually([&] { return inference_.cancelled == 1; }));
  ASSERT_TRUE(Eventually([&] { return records().size() == 2; }));
  EXPECT_EQ(LastRecord().outcome(), "cancelled");
}

TEST_F(HttpsApiTest, KnowledgeBaseByModelNameAndByExtension) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  for (const std::string& request :
       {Chat("tiny-chat@kb1"),
        Chat("tiny-chat", R"(,"hadal":{"knowledge_base":"kb1","top_k":4})")}) {
    const std::string answer = PostChat(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << answer;
    EXPECT_THAT(answer, Not(HasSubstr("9876")));
    const json body = BodyOf(answer);
    EXPECT_EQ(body["model"], "tiny-chat@kb1");
    EXPECT_EQ(body["hadal"]["refused"], false);
    EXPECT_EQ(body["hadal"]["citations"][0]["document"], "open");
    EXPECT_EQ(body["hadal"]["retrieved"].size(), 1u);
    EXPECT_EQ(LastRecord().chunks_size(), 2);  // with the one beside it
  }
  EXPECT_EQ(retrieval_.last_search().top_k(), 4);
  const auto events = EventsOf(PostChat(Chat("tiny-chat@kb1", R"(,"stream":true)")));
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(json::parse(events[events.size() - 2])["hadal"]["refused"], false);
  EXPECT_EQ(records().size(), 3u);  // one each: the answer is known before it is streamed
}

TEST_F(HttpsApiTest, EarlierMessagesAreTheConversationOfAFollowUp) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  const auto message = [](const char* role, const char* content) {
    return json{{"role", role}, {"content", content}};
  };
  const char* follow_up = "How often must it be inspected?";
  const json request = {
      {"model", "tiny-chat@kb1"},
      {"messages",
       json::array({message("system", "Be brief."), message("assistant", "Hello!"),
                    message("user", "What is the weight of transformer T7?"),
                    message("assistant", "It is not known."), message("user", follow_up)})}};
  const json body = BodyOf(PostChat(request.dump()));
  const std::string whole = "How often must the transformer T7 be inspected?";
  EXPECT_EQ(body["hadal"]["standalone_question"], whole);
  EXPECT_THAT(retrieval_.searched(), ::testing::ElementsAre(whole, follow_up));
}

TEST_F(HttpsApiTest, ErrorsHaveOpenAiShapesAndRecords) {
  const auto code = [](const std::string& answer) { return BodyOf(answer)["error"]["code"]; };
  std::string answer = Http("GET", "/v1/models", "", "");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401"));
  EXPECT_EQ(code(answer), "invalid_api_key");
  EXPECT_THAT(Http("GET", "/v1/models", "wrong", ""), StartsWith("HTTP/1.1 401"));
  answer = PostChat(Chat("gpt-4"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(code(answer), "model_not_found");
  answer = PostChat(Chat("tiny-chat@nowhere"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(code(answer), "knowledge_base_not_found");
  EXPECT_THAT(PostChat("{"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(PostChat(Chat("tiny-chat", R"(,"n":0)")), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(PostChat(std::string((1 << 20) + 1, ' ')), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Http("GET", "/v1/chat/completions", KeyOf("reader"), ""), StartsWith("HTTP/1.1 405"));
  answer = Http("GET", "/v1/nothing", KeyOf("reader"), "");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(code(answer), "unknown_url");
  // Without a key nobody learns which routes there are.
  EXPECT_THAT(Http("GET", "/v1/nothing", "", ""), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Http("POST", "/v1/chat/completions", KeyOf("auditor"), Chat("tiny-chat")),
              StartsWith("HTTP/1.1 403"));
  ASSERT_EQ(records().size(), 11u);
  EXPECT_EQ(records()[0].outcome(), "refused");
  EXPECT_EQ(records()[4].principal(), "reader");
  EXPECT_EQ(records()[4].outcome(), "error");
  EXPECT_EQ(records()[8].method(), "GET /v1/nothing");
}

TEST_F(HttpsApiTest, ModelsWithKnowledgeBases) {
  const json list = BodyOf(Http("GET", "/v1/models", KeyOf("reader"), ""));
  std::vector<std::string> ids;
  for (const json& model : list["data"]) ids.push_back(model["id"]);
  EXPECT_THAT(ids, ::testing::ElementsAre("tiny-chat", "tiny-embed", "tiny-chat@kb1"));
  EXPECT_EQ(BodyOf(Http("GET", "/v1/models/tiny-embed", KeyOf("reader"), ""))["id"], "tiny-embed");
  EXPECT_EQ(BodyOf(Http("GET", "/v1/models/tiny-chat%40kb1", KeyOf("reader"), ""))["id"],
            "tiny-chat@kb1");
  for (const char* id : {"gpt-4", "tiny-chat@kb2", "tiny-embed@kb1", "x%"}) {
    EXPECT_THAT(Http("GET", std::string("/v1/models/") + id, KeyOf("reader"), ""),
                ::testing::AnyOf(StartsWith("HTTP/1.1 404"), StartsWith("HTTP/1.1 400")))
        << id;
  }
}

TEST_F(HttpsApiTest, Embeddings) {
  const std::string answer = Http("POST", "/v1/embeddings", KeyOf("reader"),
                                  R"({"model":"tiny-embed","input":["a","b"]})");
  const json body = BodyOf(answer);
  EXPECT_EQ(body["data"][1]["embedding"], json({0.5, 1.0}));
  EXPECT_EQ(body["usage"]["prompt_tokens"], 8);
  EXPECT_EQ(LastRecord().model_sha256(), std::string(64, 'b'));
  EXPECT_THAT(Http("POST", "/v1/embeddings", KeyOf("reader"),
                   R"({"model":"tiny-embed","input":"a","dimensions":1})"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(
      Http("POST", "/v1/embeddings", KeyOf("reader"), R"({"model":"tiny-chat","input":"a"})"),
      StartsWith("HTTP/1.1 404"));
}

TEST_F(HttpsApiTest, HealthNeedsNoKeyAndLeavesNoRecord) {
  EXPECT_THAT(Http("GET", "/healthz", "", ""), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(records().size(), 0u);
}

TEST_F(HttpsApiTest, ServicesThatAreAwayAreUnavailable) {
  inference_server_->Shutdown(absl::ZeroDuration());
  const std::string answer = PostChat(Chat("tiny-chat"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("the inference service is not available"));
  EXPECT_THAT(answer, Not(HasSubstr("127.0.0.1")));  // where it is, is not the caller's business
  EXPECT_EQ(LastRecord().outcome(), "error");
}

class QuotaApiTest : public HttpsApiTest {
 protected:
  void Configure(GatewayConfig& config) override { config.quota.requests_per_minute = 2; }
};

TEST_F(QuotaApiTest, TooManyRequestsAreToldWhenToComeBack) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Http("GET", "/v1/models", KeyOf("reader"), ""), StartsWith("HTTP/1.1 200"));
  }
  const std::string answer = Http("GET", "/v1/models", KeyOf("reader"), "");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: "));
  EXPECT_EQ(LastRecord().outcome(), "refused");
  // Another key has its own limit.
  EXPECT_THAT(Http("GET", "/v1/models", KeyOf("keeper"), ""), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace hadal::gateway
