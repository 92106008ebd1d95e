#include "services/gateway/http/request_head.h"

#include <regex>

#include "base/file.h"
#include "services/gateway/filters/error_detail.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::gateway {
namespace {

constexpr char kGood[] =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    "Authorization:  Bearer k \r\nContent-Length: 12\r\n\r\n";

TEST(RequestHeadTest, ReadsWhatTheGatewayActsUpon) {
  ASSERT_OK_AND_ASSIGN(const ParsedHead head, ParseRequestHead(kGood));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/chat/completions");
  EXPECT_EQ(head.authorization, "Bearer k");
  EXPECT_EQ(head.content_type, "application/json");
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_FALSE(head.chunked);
  EXPECT_TRUE(head.keep_alive);
}

TEST(RequestHeadTest, ReadsConnectionChunkedAndExpect) {
  ASSERT_OK_AND_ASSIGN(
      const ParsedHead head,
      ParseRequestHead("PUT / HTTP/1.1\r\nhOsT: a\r\nTransfer-Encoding: Chunked\r\n"
                       "Connection: keep-alive, Close\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_TRUE(head.chunked);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_FALSE(head.keep_alive);
}

TEST(RequestHeadTest, EveryTruncationIsRefused) {
  const std::string good = kGood;
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseRequestHead(good.substr(0, size)).ok()) << size;
  }
}

struct Hostile {
  const char* name;
  std::string head;
  int http_status;
};

TEST(RequestHeadTest, AmbiguousFramingIsRefused) {
  const std::string line = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::vector<Hostile> cases = {
      {"length and coding", line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"coding and length", line + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
      {"two lengths", line + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {"list of lengths", line + "Content-Length: 1, 1\r\n\r\n", 400},
      {"signed length", line + "Content-Length: +1\r\n\r\n", 400},
      {"negative length", line + "Content-Length: -1\r\n\r\n", 400},
      {"hexadecimal length", line + "Content-Length: 0x1\r\n\r\n", 400},
      {"empty length", line + "Content-Length: \r\n\r\n", 400},
      {"overflowing length", line + "Content-Length: 18446744073709551617\r\n\r\n", 400},
      {"space in length", line + "Content-Length: 1 2\r\n\r\n", 400},
      {"other coding", line + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"coding list", line + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"chunked not last", line + "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
      {"two codings", line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"folded line", line + "Content-Type: a\r\n b\r\n\r\n", 400},
      {"space before colon", line + "Content-Length : 1\r\n\r\n", 400},
      {"space before name", "POST / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"no colon", line + "Content-Length\r\n\r\n", 400},
      {"empty name", line + ": x\r\n\r\n", 400},
      {"lone LF", "POST / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"lone CR", line + "X: a\rContent-Length: 1\r\n\r\n", 400},
      {"NUL in value", line + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"DEL in value", line + "X: a\x7f\r\n\r\n", 400},
      {"NUL in name", line + std::string("X\0: a\r\n\r\n", 9), 400},
      {"no host", "POST / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", line + "Host: b\r\n\r\n", 400},
      {"two keys", line + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
      {"old version", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505},
      {"new version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"connect target", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk target", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"non-ASCII target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"bad method", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"expectation", line + "Expect: everything\r\n\r\n", 417},
      {"bytes behind", line + "\r\nGET", 400},
      {"empty", "\r\n", 400},
  };
  for (const Hostile& c : cases) {
    const auto head = ParseRequestHead(c.head);
    ASSERT_FALSE(head.ok()) << c.name;
    EXPECT_EQ(DetailOf(head.status()).http_status, c.http_status) << c.name;
  }
}

TEST(RequestHeadTest, HeaderCountAndTargetAreBounded) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 64; ++i) head += "X: y\r\n";
  EXPECT_EQ(DetailOf(ParseRequestHead(head + "\r\n").status()).http_status, 431);
  const std::string target = "/" + std::string(2048, 'a');
  EXPECT_FALSE(ParseRequestHead("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").ok());
}

// The public llhttp fixtures: every case whose strict parse ends in an error inside the head must
// be an error here. Cases about other versions' leniency flags are not ours.
TEST(RequestHeadTest, LlhttpFixturesWithErrorsAreRefused) {
  const std::string folder = SharedPath("vectors/llhttp-fixtures/test/request/");
  int checked = 0;
  for (const char* file : {"content-length.md", "transfer-encoding.md", "invalid.md"}) {
    const StatusOr<std::string> text = ReadFile(folder + file);
    if (!text.ok()) GTEST_SKIP() << "no public vectors beside the checkout";
    const std::regex fixture(
        "<!-- meta=(\\{[^>]*\\}) -->\\n```http\\n([^`]*)\\n```\\n\\n```log\\n([^`]*)```");
    for (auto it = std::sregex_iterator(text->begin(), text->end(), fixture);
         it != std::sregex_iterator(); ++it) {
      const std::string meta = (*it)[1];
      const std::string log = (*it)[3];
      const bool strict_request = meta.find("\"request\"") != std::string::npos;
      const size_t error = log.find(" error code=");
      // Errors after the head (bad chunks) are the body parser's.
      if (!strict_request || error == std::string::npos ||
          log.find("headers complete") != std::string::npos) {
        continue;
      }
      std::string head = std::regex_replace((*it)[2].str(), std::regex("\n"), "\r\n");
      head = std::regex_replace(head, std::regex("\\\\r"), "\r");
      head = std::regex_replace(head, std::regex("\\\\n"), "\n");
      const size_t end = head.find("\r\n\r\n");
      if (end != std::string::npos) head.resize(end + 4);
      EXPECT_FALSE(ParseRequestHead(head).ok()) << file << "\n" << head << "\n" << log;
      ++checked;
    }
  }
  EXPECT_GE(checked, 20);
}

}  // namespace
}  // namespace hadal::gateway
