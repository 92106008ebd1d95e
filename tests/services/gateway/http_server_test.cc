#include "services/gateway/http/http_server.h"

#include <atomic>
#include <thread>

#include "auth/mtls/pki.h"
#include "base/file.h"
#include "services/gateway/backend/call_scope.h"
#include "services/gateway/http/openai_error.h"
#include "tests/services/gateway/tls_client.h"
#include "tests/support/status_matchers.h"

namespace hadal::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TlsClient;

// Answers with what it got; some paths misbehave.
class EchoHandler final : public HttpHandler {
 public:
  void Handle(const HttpRequest& request, ResponseWriter& writer) override {
    ++handled;
    if (!request.fault.ok()) return writer.Send(ErrorResponse(request.fault, "id"));
    if (request.path == "/stream") return Stream(writer);
    if (request.path == "/flood") return Flood(writer);
    if (request.path == "/abort") {
      writer.Start({});
      writer.Write("partial");
      return writer.Abort();
    }
    if (request.path == "/silent") return;
    if (request.path == "/wait") return Wait(writer);
    while (request.path == "/hold" && holding) absl::SleepFor(absl::Milliseconds(5));
    HttpResponse response;
    response.body = request.method + " " + request.path + " [" + request.body + "]";
    writer.Send(response);
  }

  std::atomic<int> handled = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int64_t> flooded_bytes = 0;
  std::atomic<int> waiting = 0;
  std::atomic<bool> holding = true;

 private:
  void Stream(ResponseWriter& writer) {
    writer.Start({});
    EXPECT_TRUE(writer.Write("one"));
    EXPECT_TRUE(writer.Write(""));
    EXPECT_TRUE(writer.Write("three"));
    writer.Finish();
  }
  void Flood(ResponseWriter& writer) {
    writer.Start({});
    const std::string piece(16 << 10, 'x');
    while (writer.Write(piece)) flooded_bytes += static_cast<int64_t>(piece.size());
    ++cancelled;
    writer.Abort();
  }
  void Wait(ResponseWriter& writer) {
    ++waiting;
    while (!writer.scope().cancelled() && absl::Now() < writer.scope().deadline()) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    if (writer.scope().cancelled()) ++cancelled;
    --waiting;
    writer.Send({});
  }
};

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    ASSERT_OK(auth::EnsureAppliancePki(folder_->path(), {}, SystemClock()));
    options_.certificate_file = folder_->path() + "/gateway.pem";
    options_.key_file = folder_->path() + "/gateway.key";
    options_.linger_timeout = absl::Milliseconds(100);
  }
  void Start() { ASSERT_OK_AND_ASSIGN(server_, HttpsServer::Start(options_, &handler_)); }
  std::unique_ptr<TlsClient> Connect() {
    auto client = TlsClient::Connect(server_->address(), folder_->path() + "/ca.pem");
    EXPECT_OK(client);
    return client.ok() ? *std::move(client) : nullptr;
  }
  // Sends all of it and returns what comes until the server closes.
  std::string Exchange(const std::string& bytes) {
    const auto client = Connect();
    EXPECT_OK(client->Send(bytes));
    return client->ReadToEnd();
  }
  static bool Eventually(const std::function<bool()>& holds) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (!holds()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return true;
  }

  std::unique_ptr<TempDir> folder_;
  HttpsOptions options_;
  EchoHandler handler_;
  std::unique_ptr<HttpsServer> server_;
};

constexpr char kClose[] = "Connection: close\r\n";

std::string Post(const std::string& path, const std::string& body, const std::string& extra = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{}\r\n{}", path,
                     body.size(), extra, body);
}

TEST_F(HttpServerTest, AnswersAndCloses) {
  Start();
  const std::string answer = Exchange(Post("/a?b", "body", kClose));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nPOST /a [body]"));
}

TEST_F(HttpServerTest, KeepsAliveAndTakesPipelinedRequests) {
  Start();
  const auto client = Connect();
  EXPECT_EQ(client->alpn(), "http/1.1");
  ASSERT_OK(client->Send(Post("/1", "a")));
  EXPECT_THAT(client->ReadUntil("[a]"), HasSubstr("POST /1"));
  ASSERT_OK(client->Send(Post("/2", "b") + Post("/3", "c") + Post("/4", "d", kClose)));
  const std::string rest = client->ReadToEnd();
  EXPECT_THAT(rest, HasSubstr("POST /2 [b]"));
  EXPECT_LT(rest.find("/2 [b]"), rest.find("/3 [c]"));
  EXPECT_LT(rest.find("/3 [c]"), rest.find("/4 [d]"));
  EXPECT_TRUE(client->closed());
}

// The next request's head is read while the answer before it is under way, and a read is pending
// when that head is taken out of the buffer.
TEST_F(HttpServerTest, ARequestThatComesInPiecesBehindAnother) {
  Start();
  const auto client = Connect();
  ASSERT_OK(client->Send(Post("/hold", "first")));
  ASSERT_TRUE(Eventually([&] { return handler_.handled == 1; }));
  const std::string second = Post("/b", "second", kClose);
  const size_t head_bytes = second.size() - 6;
  ASSERT_OK(client->Send(second.substr(0, head_bytes)));
  absl::SleepFor(absl::Milliseconds(100));  // read, and the next read begun
  handler_.holding = false;
  absl::SleepFor(absl::Milliseconds(100));  // answered
  ASSERT_OK(client->Send(second.substr(head_bytes)));
  const std::string answers = client->ReadToEnd();
  EXPECT_THAT(answers, HasSubstr("POST /hold [first]"));
  EXPECT_THAT(answers, HasSubstr("POST /b [second]"));
}

TEST_F(HttpServerTest, ByteByByteAndChunkedBodies) {
  Start();
  const auto client = Connect();
  for (const char c : Post("/slow", "xyz")) ASSERT_OK(client->Send(std::string(1, c)));
  EXPECT_THAT(client->ReadUntil("]"), HasSubstr("POST /slow [xyz]"));
  ASSERT_OK(
      client->Send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n"));
  EXPECT_THAT(client->ReadUntil("]"), HasSubstr("POST /c [abc0123456789]"));
}

TEST_F(HttpServerTest, ContinuesWhereExpected) {
  Start();
  const auto client = Connect();
  ASSERT_OK(
      client->Send("POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                   "Expect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client->ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_OK(client->Send("ok"));
  EXPECT_THAT(client->ReadUntil("]"), HasSubstr("[ok]"));
}

TEST_F(HttpServerTest, StreamsInChunks) {
  Start();
  const auto client = Connect();
  ASSERT_OK(client->Send(Post("/stream", "")));
  const std::string answer = client->ReadUntil("\r\n0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"));
  ASSERT_OK(client->Send(Post("/after", "x")));
  EXPECT_THAT(client->ReadUntil("]"), HasSubstr("POST /after [x]"));
}

TEST_F(HttpServerTest, AnAbortedStreamNeverLooksComplete) {
  Start();
  for (const char* path : {"/abort", "/silent"}) {
    const auto client = Connect();
    ASSERT_OK(client->Send(Post(path, "")));
    EXPECT_THAT(client->ReadToEnd(), Not(HasSubstr("0\r\n\r\n"))) << path;
    EXPECT_TRUE(client->closed()) << path;
  }
}

TEST_F(HttpServerTest, BadFramingIsAnsweredAndCloses) {
  Start();
  const std::string line = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string& bytes :
       {line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        line + "Content-Length : 1\r\n\r\na", line + "X: a\r\n folded\r\n\r\n",
        line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        line + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        line + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        line + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        line + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(60000, 'x')}) {
    const std::string answer = Exchange(bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << bytes.substr(0, 120);
    EXPECT_THAT(answer, HasSubstr("\"error\"")) << bytes.substr(0, 120);
  }
  EXPECT_THAT(Exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 505"));
  // Nothing behind a refused request is taken for a request.
  handler_.handled = 0;
  Exchange(line + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n" + Post("/smuggled", ""));
  EXPECT_EQ(handler_.handled, 0);
}

TEST_F(HttpServerTest, SizesAreBounded) {
  options_.max_body_bytes = 2000;
  options_.max_header_bytes = 4096;
  Start();
  EXPECT_THAT(Exchange(Post("/big", std::string(2001, 'x'))), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d1\r\n" +
                       std::string(2001, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(Exchange(std::string(5000, 'A')), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(Exchange(Post("/ok", std::string(2000, 'x'), kClose)), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, SlowClientsAreCut) {
  options_.idle_timeout = absl::Milliseconds(300);
  options_.head_timeout = absl::Milliseconds(300);
  options_.body_timeout = absl::Milliseconds(300);
  Start();
  const absl::Time start = absl::Now();
  const auto idle = Connect();
  const auto head = Connect();
  const auto body = Connect();
  ASSERT_OK(body->Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
  // A byte now and then must not extend the head's time.
  for (int i = 0; i < 20 && !head->closed(); ++i) {
    (void)head->Send("G");
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_THAT(body->ReadToEnd(), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(idle->ReadToEnd(), "");
  EXPECT_TRUE(idle->closed());
  EXPECT_EQ(head->ReadToEnd(), "");
  EXPECT_TRUE(head->closed());
  EXPECT_LT(absl::Now() - start, absl::Seconds(8));
}

TEST_F(HttpServerTest, DisconnectCancelsTheRequest) {
  Start();
  auto polite = Connect();
  ASSERT_OK(polite->Send(Post("/wait", "")));
  ASSERT_TRUE(Eventually([&] { return handler_.waiting == 1; }));
  polite.reset();
  EXPECT_TRUE(Eventually([&] { return handler_.cancelled == 1; }));
  const auto rude = Connect();
  ASSERT_OK(rude->Send(Post("/wait", "")));
  ASSERT_TRUE(Eventually([&] { return handler_.waiting == 1; }));
  rude->Cut();
  EXPECT_TRUE(Eventually([&] { return handler_.cancelled == 2; }));
}

TEST_F(HttpServerTest, AReaderThatStopsHoldsBackItsWriter) {
  options_.write_timeout = absl::Seconds(1);
  Start();
  const auto client = Connect();
  ASSERT_OK(client->Send(Post("/flood", "")));
  // Reads nothing: the writer stops at the socket's buffers plus max_unsent_bytes, then is cut.
  EXPECT_TRUE(Eventually([&] { return handler_.cancelled == 1; }));
  EXPECT_LT(handler_.flooded_bytes, 32 << 20);
}

TEST_F(HttpServerTest, FullQueueIsRefusedNotQueuedForEver) {
  options_.worker_threads = 1;
  options_.worker_queue = 1;
  Start();
  const auto running = Connect();
  ASSERT_OK(running->Send(Post("/wait", "")));
  ASSERT_TRUE(Eventually([&] { return handler_.waiting == 1; }));
  const auto queued = Connect();
  ASSERT_OK(queued->Send(Post("/a", "")));
  // The queue's one place is taken as soon as the server has read that request.
  std::string refused;
  ASSERT_TRUE(Eventually([&] {
    const auto late = Connect();
    EXPECT_OK(late->Send(Post("/b", "")));
    refused = late->ReadUntil("}}", absl::Milliseconds(200));
    return !refused.empty();
  }));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("overloaded"));
}

TEST_F(HttpServerTest, ConnectionsAreBounded) {
  options_.max_connections = 2;
  Start();
  const auto a = Connect();
  const auto b = Connect();
  EXPECT_FALSE(TlsClient::Connect(server_->address(), folder_->path() + "/ca.pem").ok());
  ASSERT_OK(a->Send(Post("/a", "x")));
  EXPECT_THAT(a->ReadUntil("]"), HasSubstr("[x]"));
}

TEST_F(HttpServerTest, PlainTextAndOldTlsAreRefused) {
  options_.handshake_timeout = absl::Milliseconds(300);
  Start();
  EXPECT_FALSE(TlsClient::Connect(server_->address(), "/dev/null").ok());
}

TEST_F(HttpServerTest, ShutdownLetsARunningRequestEndWithinItsGrace) {
  options_.request_timeout = absl::Milliseconds(400);
  Start();
  const auto idle = Connect();
  const auto busy = Connect();
  ASSERT_OK(busy->Send(Post("/wait", "")));
  ASSERT_TRUE(Eventually([&] { return handler_.waiting == 1; }));
  std::thread shutdown([&] { server_->Shutdown(absl::Seconds(10)); });
  EXPECT_THAT(busy->ReadToEnd(), StartsWith("HTTP/1.1 200"));
  shutdown.join();
  EXPECT_EQ(handler_.cancelled, 0);
  EXPECT_EQ(idle->ReadToEnd(), "");
  EXPECT_FALSE(TlsClient::Connect(server_->address(), folder_->path() + "/ca.pem").ok());
}

TEST_F(HttpServerTest, ShutdownCancelsWhatOutlastsItsGrace) {
  Start();
  const auto busy = Connect();
  ASSERT_OK(busy->Send(Post("/wait", "")));
  ASSERT_TRUE(Eventually([&] { return handler_.waiting == 1; }));
  server_->Shutdown(absl::Milliseconds(100));
  EXPECT_EQ(handler_.cancelled, 1);
}

TEST_F(HttpServerTest, BadAddressesAndFilesAreToldApart) {
  options_.listen = "127.0.0.1";
  EXPECT_STATUS(HttpsServer::Start(options_, &handler_), kInvalidArgument, "IP:PORT");
  options_.listen = "127.0.0.1:99999";
  EXPECT_STATUS(HttpsServer::Start(options_, &handler_), kInvalidArgument, "IP:PORT");
  options_.listen = "127.0.0.1:0";
  options_.key_file = folder_->path() + "/retrieval.key";
  EXPECT_STATUS(HttpsServer::Start(options_, &handler_), kFailedPrecondition, "key");
  options_.certificate_file = folder_->path() + "/absent.pem";
  EXPECT_STATUS(HttpsServer::Start(options_, &handler_), kFailedPrecondition, "certificate");
}

}  // namespace
}  // namespace hadal::gateway
