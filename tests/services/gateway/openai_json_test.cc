#include <nlohmann/json.hpp>

#include "services/gateway/http/chat_request.h"
#include "services/gateway/http/chat_response.h"
#include "services/gateway/http/embeddings_json.h"
#include "services/gateway/http/json_body.h"
#include "services/gateway/http/openai_error.h"
#include "services/gateway/http/routes/models_route.h"
#include "services/gateway/http/sse.h"
#include "services/gateway/http/strict_json.h"
#include "tests/support/status_matchers.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

StatusOr<ChatRequest> Parse(const std::string& body) { return ParseChatRequest(body, {}); }

std::string With(const std::string& members) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + members + "}";
}

TEST(StrictJsonTest, RefusesWhatParsersDisagreeOn) {
  EXPECT_OK(ParseJsonObject(R"({"a":{"b":1},"c":{"b":2}})"));
  EXPECT_STATUS(ParseJsonObject(R"({"a":1,"a":2})"), kInvalidArgument, "twice");
  EXPECT_STATUS(ParseJsonObject(R"({"x":[{"a":1,"\u0061":2}]})"), kInvalidArgument, "twice");
  EXPECT_STATUS(ParseJsonObject("{\"a\":\"\xff\"}"), kInvalidArgument, "UTF-8 at byte 6");
  EXPECT_STATUS(ParseJsonObject("[1]"), kInvalidArgument, "object");
  EXPECT_STATUS(ParseJsonObject(""), kInvalidArgument, "JSON");
  EXPECT_STATUS(ParseJsonObject("{} {}"), kInvalidArgument, "JSON");
  EXPECT_STATUS(ParseJsonObject(R"({"a":1e999})"), kInvalidArgument, "JSON");
  EXPECT_STATUS(ParseJsonObject(R"({"a":"\ud800"})"), kInvalidArgument, "JSON");
  EXPECT_STATUS(ParseJsonObject(R"({"a":NaN})"), kInvalidArgument, "JSON");
}

TEST(StrictJsonTest, NestingIsBounded) {
  const auto nested = [](int depth) {
    return R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_OK(ParseJsonObject(nested(kMaxJsonDepth - 1)));
  EXPECT_STATUS(ParseJsonObject(nested(kMaxJsonDepth)), kInvalidArgument, "deeper");
  EXPECT_STATUS(ParseJsonObject(R"({"a":)" + std::string(1 << 20, '[')), kInvalidArgument,
                "deeper");
}

TEST(ChatRequestTest, ReadsEverythingItHonours) {
  ASSERT_OK_AND_ASSIGN(
      const ChatRequest chat,
      Parse(R"({"model":"m@kb1","messages":[{"role":"developer","content":"be brief"},
               {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
               {"role":"assistant","content":"c"},{"role":"user","content":"q?"}],
               "temperature":0.5,"top_p":0.25,"seed":7,"max_completion_tokens":9,"stop":["x","y"],
               "stream":true,"stream_options":{"include_usage":true},"n":4,"user":"u","tools":[],
               "response_format":{"type":"text"},"logit_bias":{"17":-100,"3":1.5},"logprobs":true,
               "top_logprobs":2,"presence_penalty":0.5,"frequency_penalty":-0.5,"top_k":40,
               "hadal":{"knowledge_base":"kb1","top_k":3}})"));
  EXPECT_EQ(chat.generate.model(), "m");
  EXPECT_EQ(chat.knowledge_base, "kb1");
  EXPECT_EQ(chat.top_k, 3);
  EXPECT_EQ(chat.question, "q?");
  EXPECT_TRUE(chat.stream);
  EXPECT_EQ(chat.generate.n(), 4);
  EXPECT_TRUE(chat.include_usage);
  ASSERT_EQ(chat.generate.messages_size(), 4);
  EXPECT_EQ(chat.generate.messages(0).role(), "system");
  EXPECT_EQ(chat.generate.messages(1).content(), "ab");
  EXPECT_FLOAT_EQ(chat.generate.sampling().temperature(), 0.5);
  EXPECT_FLOAT_EQ(chat.generate.sampling().top_p(), 0.25);
  EXPECT_EQ(chat.generate.sampling().seed(), 7u);
  EXPECT_EQ(chat.generate.sampling().max_tokens(), 9);
  EXPECT_THAT(chat.generate.sampling().stop(), ::testing::ElementsAre("x", "y"));
  EXPECT_EQ(chat.generate.sampling().logit_bias().at(17), -100);
  EXPECT_EQ(chat.generate.sampling().top_logprobs(), 2);
  EXPECT_EQ(chat.generate.sampling().presence_penalty(), 0.5f);
  EXPECT_EQ(chat.generate.sampling().frequency_penalty(), -0.5f);
  EXPECT_EQ(chat.generate.sampling().top_k(), 40);
}

TEST(ChatRequestTest, DefaultsAreGreedyAndPlain) {
  ASSERT_OK_AND_ASSIGN(const ChatRequest chat, Parse(With(R"(,"stop":"x","temperature":null)")));
  EXPECT_EQ(chat.knowledge_base, "");
  EXPECT_FALSE(chat.stream);
  EXPECT_EQ(chat.generate.sampling().temperature(), 0);
  EXPECT_EQ(chat.generate.sampling().max_tokens(), 0);
  EXPECT_THAT(chat.generate.sampling().stop(), ::testing::ElementsAre("x"));
  // A client cannot choose the cache it reads from.
  EXPECT_EQ(chat.generate.cache_namespace(), "");
}

TEST(ChatRequestTest, Constraints) {
  ASSERT_OK_AND_ASSIGN(const ChatRequest free,
                       Parse(With(R"(,"response_format":{"type":"text"})")));
  EXPECT_FALSE(free.generate.has_constraint());
  EXPECT_EQ(free.constraint_param, "");
  ASSERT_OK_AND_ASSIGN(const ChatRequest object,
                       Parse(With(R"(,"response_format":{"type":"json_object"})")));
  EXPECT_TRUE(object.generate.constraint().json_object());
  EXPECT_EQ(object.constraint_param, "response_format");
  // The order of the members is the order of the answer.
  const std::string schema = R"({"type":"object","properties":{"z":{},"a":{},"m":{}}})";
  ASSERT_OK_AND_ASSIGN(
      const ChatRequest with_schema,
      Parse(With(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n",)"
                 R"("strict":true,"schema":)" +
                 schema + "}}")));
  EXPECT_EQ(with_schema.generate.constraint().json_schema(), schema);
  ASSERT_OK_AND_ASSIGN(const ChatRequest regex,
                       Parse(With(R"(,"hadal":{"guided_regex":"[0-9]+"})")));
  EXPECT_EQ(regex.generate.constraint().regex(), "[0-9]+");
  EXPECT_EQ(regex.constraint_param, "hadal.guided_regex");
}

TEST(ChatRequestTest, WrongFieldsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"messages":[{"role":"user","content":"a"}]})", "model"},
      {R"({"model":7,"messages":[{"role":"user","content":"a"}]})", "model"},
      {R"({"model":"m"})", "messages"},
      {R"({"model":"m","messages":[]})", "messages"},
      {R"({"model":"m","messages":[7]})", "messages[0]"},
      {R"({"model":"m","messages":[{"content":"a"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"tool","content":"a"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":7}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
       "messages[0].content"},
      {With(R"(,"n":0)"), "n"},
      {With(R"(,"n":17)"), "n"},
      {With(R"(,"n":"two")"), "n"},
      {With(R"(,"temperature":2.1)"), "temperature"},
      {With(R"(,"temperature":"hot")"), "temperature"},
      {With(R"(,"top_p":-0.1)"), "top_p"},
      {With(R"(,"seed":1.5)"), "seed"},
      {With(R"(,"seed":18446744073709551615)"), "seed"},
      {With(R"(,"max_tokens":0)"), "max_tokens"},
      {With(R"(,"max_tokens":1000000)"), "max_tokens"},
      {With(R"(,"max_tokens":5,"max_completion_tokens":6)"), "max_tokens"},
      {With(R"(,"stop":7)"), "stop"},
      {With(R"(,"stop":[""])"), "stop"},
      {With(R"(,"stream":"yes")"), "stream"},
      {With(R"(,"stream_options":{"include_usage":true})"), "stream_options"},
      {With(R"(,"logprobs":7)"), "logprobs"},
      {With(R"(,"top_logprobs":3)"), "top_logprobs"},
      {With(R"(,"logprobs":true,"top_logprobs":21)"), "top_logprobs"},
      {With(R"(,"logit_bias":[])"), "logit_bias"},
      {With(R"(,"logit_bias":{"word":1})"), "logit_bias"},
      {With(R"(,"logit_bias":{"5":101})"), "logit_bias"},
      {With(R"(,"tools":[{"type":"function"}])"), "tools"},
      {With(R"(,"response_format":"json")"), "response_format"},
      {With(R"(,"response_format":{})"), "response_format"},
      {With(R"(,"response_format":{"type":"xml"})"), "response_format"},
      {With(R"(,"response_format":{"type":"json_schema"})"), "response_format"},
      {With(R"(,"response_format":{"type":"json_schema","json_schema":{"schema":{}}})"),
       "response_format"},
      {With(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x"}})"),
       "response_format"},
      {With(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":1}})"),
       "strict"},
      {With(R"(,"response_format":{"type":"json_object"},"hadal":{"guided_regex":"a"})"),
       "hadal.guided_regex"},
      {With(R"(,"hadal":{"guided_regex":7})"), "guided_regex"},
      {With(R"(,"guided_regex":"a")"), "guided_regex"},
      {With(R"(,"guided_json":{})"), "guided_json"},
      {With(R"(,"presence_penalty":2.5)"), "presence_penalty"},
      {With(R"(,"repetition_penalty":0)"), "repetition_penalty"},
      {With(R"(,"hadal":7)"), "hadal"},
      {With(R"(,"hadal":{"top_k":0})"), "top_k"},
      {R"({"model":"m@a","messages":[{"role":"user","content":"q"}],"hadal":{"knowledge_base":"b"}})",
       "hadal.knowledge_base"},
      {R"({"model":"m@","messages":[{"role":"user","content":"q"}]})", "model"},
      {R"({"model":"m@kb","messages":[{"role":"system","content":"q"}]})", "messages"},
  };
  for (const auto& [body, param] : cases) {
    const auto parsed = Parse(body);
    ASSERT_FALSE(parsed.ok()) << body;
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument) << body;
    EXPECT_EQ(DetailOf(parsed.status()).param, param) << body;
  }
}

TEST(ChatResponseTest, WholeAnswerFromAKnowledgeBase) {
  v1::AskResult result;
  result.set_answer("42 [1]");
  result.set_reasoning("because");
  result.set_finish_reason("stop");
  v1::Citation& citation = *result.add_citations();
  citation.set_n(1);
  citation.set_document_id("d1");
  citation.set_quote("the answer is 42");
  v1::RetrievedChunk& chunk = *result.add_retrieved();
  chunk.set_document_id("d1");
  chunk.set_chunk_id("d1#0");
  result.mutable_usage()->set_prompt_tokens(10);
  result.mutable_usage()->set_cached_tokens(4);
  result.mutable_usage()->set_completion_tokens(3);
  result.mutable_audit()->set_index(5);
  result.mutable_audit()->set_leaf_hash("ab");
  const json body = json::parse(ChatResponse("id1", 1700000000, "m@kb").Whole(result));
  EXPECT_EQ(body["id"], "chatcmpl-id1");
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["model"], "m@kb");
  EXPECT_EQ(body["choices"][0]["message"]["content"], "42 [1]");
  EXPECT_EQ(body["choices"][0]["message"]["reasoning_content"], "because");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["usage"]["total_tokens"], 13);
  EXPECT_EQ(body["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
  EXPECT_EQ(body["hadal"]["citations"][0]["quote"], "the answer is 42");
  EXPECT_EQ(body["hadal"]["retrieved"][0]["chunk_id"], "d1#0");
  EXPECT_EQ(body["hadal"]["refused"], false);
  EXPECT_EQ(body["hadal"]["audit"]["index"], 5);
}

TEST(ChatResponseTest, ChunksOfAPlainChat) {
  const ChatResponse response("id1", 1, "m");
  EXPECT_EQ(json::parse(response.RoleChunk())["choices"][0]["delta"]["role"], "assistant");
  internal::v1::GenerateDelta piece;
  piece.set_reasoning("think");
  piece.set_content("say");
  auto* logprob = piece.add_logprobs();
  logprob->set_text("\xE4\xB8");  // a part of a character
  logprob->set_logprob(-0.5f);
  logprob->add_top()->set_text("so");
  const json delta = json::parse(response.DeltaChunk(piece));
  EXPECT_EQ(delta["choices"][0]["delta"],
            json({{"reasoning_content", "think"}, {"content", "say"}}));
  EXPECT_TRUE(delta["choices"][0]["finish_reason"].is_null());
  const json& token = delta["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(token["token"], "\uFFFD");
  EXPECT_EQ(token["bytes"], json({0xE4, 0xB8}));
  EXPECT_EQ(token["logprob"], -0.5);
  EXPECT_EQ(token["top_logprobs"][0]["token"], "so");
  ChatAnswer answer;
  answer.choices.resize(1);
  answer.result.set_finish_reason("length");
  answer.position = {7, std::string(32, '\x01')};
  const json last = json::parse(response.LastChunk(answer));
  EXPECT_EQ(last["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(last["hadal"]["audit"]["index"], 7);
  const json usage = json::parse(response.UsageChunk(UsageOf(answer.result)));
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["prompt_tokens"], 0);
}

TEST(SseTest, LinesAndEnds) {
  EXPECT_EQ(SseEvent("a"), "data: a\n\n");
  EXPECT_EQ(SseEvent("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(SseEvent(kSseDone), "data: [DONE]\n\n");
}

TEST(EmbeddingsTest, InputsAndEncodings) {
  ASSERT_OK_AND_ASSIGN(const EmbeddingsRequest one,
                       ParseEmbeddingsRequest(R"({"model":"e","input":"a"})", {}));
  EXPECT_THAT(one.embed.texts(), ::testing::ElementsAre("a"));
  EXPECT_FALSE(one.base64);
  ASSERT_OK_AND_ASSIGN(
      const EmbeddingsRequest two,
      ParseEmbeddingsRequest(R"({"model":"e","input":["a","b"],"encoding_format":"base64",
                                "dimensions":384,"hadal":{"kind":"passage"}})",
                             {}));
  EXPECT_EQ(two.embed.texts_size(), 2);
  EXPECT_TRUE(two.base64);
  EXPECT_EQ(two.dimensions, 384);
  EXPECT_EQ(two.embed.kind(), v1::EMBED_KIND_PASSAGE);
  for (const char* bad : {R"({"model":"e"})", R"({"model":"e","input":[]})", R"({"input":"a"})",
                          R"({"model":"e","input":[1,2]})", R"({"model":"e","input":[[1,2]]})",
                          R"({"model":"e","input":""})", R"({"model":"e","input":{}})",
                          R"({"model":"e","input":"a","encoding_format":"hex"})",
                          R"({"model":"e","input":"a","hadal":{"kind":"x"}})"}) {
    EXPECT_STATUS(ParseEmbeddingsRequest(bad, {}), kInvalidArgument, "");
  }
  EXPECT_STATUS(ParseEmbeddingsRequest(R"({"model":"e","input":["a","b"]})", {.max_inputs = 1}),
                kInvalidArgument, "more than 1");
}

TEST(EmbeddingsTest, Base64IsLittleEndianFloat32) {
  v1::EmbedResponse response;
  response.add_vectors()->add_values(1.0f);
  response.mutable_vectors(0)->add_values(-2.5f);
  response.set_tokens(3);
  const json base64 = json::parse(EmbeddingsBody(response, "e", true));
  EXPECT_EQ(base64["data"][0]["embedding"], "AACAPwAAIMA=");
  EXPECT_EQ(base64["usage"]["prompt_tokens"], 3);
  const json numbers = json::parse(EmbeddingsBody(response, "e", false));
  EXPECT_EQ(numbers["data"][0]["embedding"], json({1.0, -2.5}));
}

TEST(OpenAiErrorTest, ShapeAndStatus) {
  const json body = json::parse(ErrorBody(Unauthenticated("no")));
  EXPECT_EQ(body["error"]["message"], "no");
  EXPECT_EQ(body["error"]["code"], "invalid_api_key");
  EXPECT_TRUE(body["error"]["param"].is_null());
  EXPECT_EQ(HttpStatusOf(Unauthenticated("")), 401);
  EXPECT_EQ(HttpStatusOf(PermissionDenied("")), 403);
  EXPECT_EQ(HttpStatusOf(ResourceExhausted("")), 429);
  EXPECT_EQ(HttpStatusOf(Unavailable("")), 503);
  EXPECT_EQ(HttpStatusOf(DeadlineExceeded("")), 504);
  const Status detailed = WithDetail(NotFound("x"), {.param = "model", .code = "model_not_found"});
  EXPECT_EQ(HttpStatusOf(detailed), 404);
  EXPECT_EQ(json::parse(ErrorBody(detailed))["error"]["code"], "model_not_found");
  EXPECT_EQ(HttpStatusOf(WithDetail(InvalidArgument("x"), {.http_status = 413})), 413);
  // A message from elsewhere must not break the body.
  EXPECT_TRUE(json::accept(ErrorBody(Internal("{}", "\xff\"\n"))));
}

TEST(JsonBodyTest, ContentType) {
  EXPECT_OK(CheckJsonContentType(""));
  EXPECT_OK(CheckJsonContentType("application/json"));
  EXPECT_OK(CheckJsonContentType("Application/JSON ; charset=utf-8"));
  EXPECT_EQ(HttpStatusOf(CheckJsonContentType("text/plain")), 415);
}

TEST(PercentDecodeTest, EscapesAndErrors) {
  ASSERT_OK_AND_ASSIGN(const std::string id, PercentDecode("a%40b%2fc"));
  EXPECT_EQ(id, "a@b/c");
  for (const char* bad : {"%", "%4", "%zz", "%ff"}) EXPECT_FALSE(PercentDecode(bad).ok()) << bad;
}

}  // namespace
}  // namespace hadal::gateway
