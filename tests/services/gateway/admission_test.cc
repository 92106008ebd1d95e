#include "services/gateway/filters/admission.h"

#include "base/utf8.h"
#include "tests/services/gateway/fake_audit_log.h"
#include "tests/services/gateway/fake_identities.h"
#include "tests/support/status_matchers.h"

namespace hadal::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() {
    identities_.Add("alices-key", {.user_id = "alice", .key_id = "k1"}, {"knowledge.search"});
  }
  std::unique_ptr<RequestContext> Open(const std::string& authorization) {
    return admission_.Open({"hadal.v1.Knowledge/Search", "ipv4:127.0.0.1:5", authorization});
  }

  std::shared_ptr<FakeClock> clock_ = std::make_shared<FakeClock>(absl::FromUnixSeconds(1000));
  testing::FakeIdentities identities_;
  testing::FakeAuditLog log_;
  QuotaLimiter quota_{{.requests_per_minute = 3, .concurrent_requests = 2}, clock_};
  Admission admission_{{&identities_, &identities_, &log_, &quota_, clock_.get()}};
};

TEST(BearerTokenTest, TakesTheTokenOfOneSchemeOnly) {
  EXPECT_EQ(BearerToken("Bearer abc"), "abc");
  EXPECT_EQ(BearerToken("bEARER abc"), "abc");
  EXPECT_EQ(BearerToken(""), "");
  EXPECT_EQ(BearerToken("abc"), "");
  EXPECT_EQ(BearerToken("Basic abc"), "");
  EXPECT_EQ(BearerToken("Bearer abc def"), "");
  EXPECT_EQ(BearerToken("Bearer "), "");
}

TEST_F(AdmissionTest, AllowedRequestHasOneRecord) {
  const auto request = Open("Bearer alices-key");
  ASSERT_OK(request->admitted());
  ASSERT_OK(request->Authorize("knowledge.search", "kb1"));
  ASSERT_OK_AND_ASSIGN(const auth::AuditPosition position, request->Close(OkStatus()));
  EXPECT_EQ(position.index, 0u);
  ASSERT_EQ(log_.size(), 1u);
  const store::v1::AuditRecord record = log_.records()[0];
  EXPECT_EQ(record.outcome(), "ok");
  EXPECT_EQ(record.principal(), "alice");
  EXPECT_EQ(record.key_id(), "k1");
  EXPECT_EQ(record.method(), "hadal.v1.Knowledge/Search");
  EXPECT_EQ(record.peer(), "ipv4:127.0.0.1:5");
  EXPECT_EQ(record.resource(), "kb1");
  EXPECT_EQ(record.time_unix_ms(), 1000000);
  EXPECT_EQ(record.request_id().size(), 32u);
  EXPECT_THAT(record.determining(), ElementsAre("role:test:knowledge.search"));
}

TEST_F(AdmissionTest, WrongKeyIsRefusedAndRecorded) {
  for (const char* authorization : {"Bearer wrong", "", "alices-key", "Basic alices-key"}) {
    const auto request = Open(authorization);
    EXPECT_STATUS(request->admitted(), kUnauthenticated, "not valid");
    // What follows cannot undo the refusal.
    EXPECT_STATUS(request->Authorize("knowledge.search", "kb1"), kUnauthenticated, "not valid");
    EXPECT_FALSE(request->Permitted("knowledge.search", "kb1"));
    EXPECT_STATUS(request->Finish(request->admitted()), kUnauthenticated, "not valid");
  }
  ASSERT_EQ(log_.size(), 4u);
  for (const auto& record : log_.records()) {
    EXPECT_EQ(record.outcome(), "refused");
    EXPECT_EQ(record.principal(), "");
    EXPECT_EQ(record.status_code(), 16);
    EXPECT_THAT(record.determining(), ElementsAre("authn"));
  }
}

TEST_F(AdmissionTest, MissingPermissionIsRefusedAndRecorded) {
  const auto request = Open("Bearer alices-key");
  const Status refused = request->Authorize("user.create", "bob");
  EXPECT_STATUS(refused, kPermissionDenied, "no role grants it");
  EXPECT_STATUS(request->Finish(refused), kPermissionDenied, "no role grants it");
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_.records()[0].outcome(), "refused");
  EXPECT_EQ(log_.records()[0].resource(), "bob");
}

TEST_F(AdmissionTest, QuotaRefusesBeforeAuthzAndIsRecorded) {
  for (int i = 0; i < 3; ++i) EXPECT_OK(Open("Bearer alices-key")->Finish(OkStatus()));
  const auto request = Open("Bearer alices-key");
  EXPECT_STATUS(request->admitted(), kResourceExhausted, "3 requests per minute");
  EXPECT_EQ(request->retry_after(), absl::Seconds(20));
  EXPECT_STATUS(request->Authorize("user.create", ""), kResourceExhausted, "per minute");
  EXPECT_STATUS(request->Finish(request->admitted()), kResourceExhausted, "per minute");
  EXPECT_EQ(log_.records().back().outcome(), "refused");
  EXPECT_EQ(log_.records().back().principal(), "alice");
  EXPECT_THAT(log_.records().back().determining(), ElementsAre("quota"));
}

TEST_F(AdmissionTest, WithoutRecordThereIsOnlyUnavailable) {
  log_.FailAfter(0);
  const auto request = Open("Bearer alices-key");
  ASSERT_OK(request->Authorize("knowledge.search", "kb1"));
  EXPECT_STATUS(request->Close(OkStatus()), kUnavailable, "audit record");
  // The cause is the operator's business.
  EXPECT_THAT(StatusMessage(request->Close(OkStatus()).status()),
              ::testing::Not(HasSubstr("space")));
  // A log that works again does not make the same request answerable.
  log_.FailAfter(-1);
  EXPECT_STATUS(request->Finish(OkStatus()), kUnavailable, "audit record");
  EXPECT_EQ(log_.size(), 0u);
}

TEST_F(AdmissionTest, RefusalsAreUnavailableTooWithoutRecord) {
  log_.FailAfter(0);
  const auto request = Open("Bearer wrong");
  EXPECT_STATUS(request->Finish(request->admitted()), kUnavailable, "audit record");
}

TEST_F(AdmissionTest, StreamHasAStartAndAnEnd) {
  {
    const auto request = Open("Bearer alices-key");
    ASSERT_OK(request->Authorize("knowledge.search", "kb1"));
    ASSERT_OK(request->RecordStart());
    EXPECT_STATUS(request->Finish(Cancelled("gone")), kCancelled, "gone");
  }
  const auto records = log_.records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].outcome(), "started");
  EXPECT_EQ(records[1].outcome(), "cancelled");
  EXPECT_EQ(records[0].request_id(), records[1].request_id());
}

TEST_F(AdmissionTest, ForgottenRequestIsRecordedAsError) {
  { const auto request = Open("Bearer alices-key"); }
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_.records()[0].outcome(), "error");
}

TEST_F(AdmissionTest, OutcomesAreTold) {
  {
    const auto request = Open("Bearer alices-key");
    request->MarkNoAnswer();
    EXPECT_OK(request->Finish(OkStatus()));
  }
  {
    const auto request = Open("Bearer alices-key");
    EXPECT_STATUS(request->Finish(InvalidArgument("bad json")), kInvalidArgument, "bad json");
  }
  {
    const auto request = Open("Bearer alices-key");
    EXPECT_STATUS(request->Finish(request->Refuse("label", PermissionDenied("above"))),
                  kPermissionDenied, "above");
  }
  const auto records = log_.records();
  EXPECT_EQ(records[0].outcome(), "no_answer");
  EXPECT_EQ(records[1].outcome(), "error");
  EXPECT_EQ(records[1].reason(), "bad json");
  EXPECT_EQ(records[2].outcome(), "refused");
}

TEST_F(AdmissionTest, WhatACallerSendsIsBoundedAndValidInTheRecord) {
  const auto request = admission_.Open(
      {std::string("GET /\xff\xfe") + std::string(100000, 'x'), "peer", "Bearer alices-key"});
  EXPECT_OK(request->Finish(OkStatus()));
  const std::string method = log_.records()[0].method();
  EXPECT_LE(method.size(), 256u);
  EXPECT_TRUE(IsValidUtf8(method));
}

TEST(QuotaTest, ConcurrencyIsGivenBack) {
  auto clock = std::make_shared<FakeClock>(absl::FromUnixSeconds(0));
  QuotaLimiter quota({.requests_per_minute = 100, .concurrent_requests = 2}, clock);
  auto first = quota.Take("k");
  auto second = quota.Take("k");
  EXPECT_OK(first.status);
  EXPECT_OK(second.status);
  EXPECT_STATUS(quota.Take("k").status, kResourceExhausted, "2 requests");
  EXPECT_OK(quota.Take("other").status);
  first.ticket = QuotaTicket();
  EXPECT_OK(quota.Take("k").status);
}

TEST(QuotaTest, BucketRefillsWithTime) {
  auto clock = std::make_shared<FakeClock>(absl::FromUnixSeconds(100));
  QuotaLimiter quota({.requests_per_minute = 60, .concurrent_requests = 1000}, clock);
  for (int i = 0; i < 60; ++i) ASSERT_OK(quota.Take("k").status);
  const QuotaVerdict refused = quota.Take("k");
  EXPECT_STATUS(refused.status, kResourceExhausted, "60 requests per minute");
  EXPECT_EQ(refused.retry_after, absl::Seconds(1));
  clock->Advance(absl::Seconds(2));
  EXPECT_OK(quota.Take("k").status);
  EXPECT_OK(quota.Take("k").status);
  EXPECT_FALSE(quota.Take("k").status.ok());
  // A clock set back takes nothing and gives nothing.
  clock->Advance(-absl::Hours(1));
  EXPECT_FALSE(quota.Take("k").status.ok());
}

TEST(QuotaTest, TrackedKeysAreBounded) {
  auto clock = std::make_shared<FakeClock>(absl::FromUnixSeconds(0));
  QuotaLimiter quota({.requests_per_minute = 60, .max_tracked_keys = 2}, clock);
  auto a = quota.Take("a");
  { auto b = quota.Take("b"); }
  EXPECT_STATUS(quota.Take("c").status, kResourceExhausted, "keys are active");
  clock->Advance(absl::Minutes(2));  // b is idle and full again, a still runs
  EXPECT_OK(quota.Take("c").status);
  EXPECT_STATUS(quota.Take("d").status, kResourceExhausted, "keys are active");
}

}  // namespace
}  // namespace hadal::gateway
