// Who may talk to whom between the services, over real TLS.

#include <grpcpp/client_context.h>

#include "auth/mtls/pki.h"
#include "base/file.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/rpc/channel.h"
#include "services/rpc/server.h"
#include "services/rpc/tls.h"
#include "tests/support/status_matchers.h"

namespace hadal::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kImpatience = absl::Seconds(3);  // what is refused never connects

class MutualTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(data_, TempDir::Create());
    ASSERT_OK(auth::EnsureAppliancePki(data_->path() + "/pki", {}, SystemClock()));
    RpcServerOptions options;
    ASSERT_OK_AND_ASSIGN(options.credentials,
                         InternalServerCredentials(ServiceTlsFiles(data_->path(), "inference"),
                                                   {"gateway", "retrieval"}));
    ASSERT_OK_AND_ASSIGN(server_, RpcServer::Start(options, {}, {"hadal.test"}));
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown(absl::ZeroDuration());
  }

  /// As `caller`, expecting to reach `service`, with the certificates of `data`.
  grpc::Status Check(const std::string& data, const std::string& caller, const std::string& service,
                     HealthCheckResponse* response, absl::Duration limit,
                     const std::string& name = "") {
    const auto channel =
        MakeInternalChannel(server_->address(), service, ServiceTlsFiles(data, caller));
    EXPECT_OK(channel);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(absl::ToChronoTime(absl::Now() + limit));
    HealthCheckRequest request;
    request.set_service(name);
    return grpc::health::v1::Health::NewStub(*channel)->Check(&context, request, response);
  }

  std::unique_ptr<TempDir> data_;
  std::unique_ptr<RpcServer> server_;
  HealthCheckResponse response_;
};

TEST_F(MutualTlsTest, HealthFollowsReadiness) {
  ASSERT_TRUE(Check(data_->path(), "gateway", "inference", &response_, kPatience).ok());
  EXPECT_EQ(response_.status(), HealthCheckResponse::NOT_SERVING);
  server_->SetServing(true);
  for (const char* name : {"", "hadal.test"}) {
    ASSERT_TRUE(Check(data_->path(), "gateway", "inference", &response_, kPatience, name).ok());
    EXPECT_EQ(response_.status(), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(
      Check(data_->path(), "gateway", "inference", &response_, kPatience, "none").error_code(),
      grpc::StatusCode::NOT_FOUND);
}

TEST_F(MutualTlsTest, OnlyTheServicesItExpectsMayCall) {
  EXPECT_TRUE(Check(data_->path(), "retrieval", "inference", &response_, kPatience).ok());
  EXPECT_FALSE(Check(data_->path(), "inference", "inference", &response_, kImpatience).ok());
}

TEST_F(MutualTlsTest, ACallerRefusesAnotherServiceAtTheAddress) {
  EXPECT_FALSE(Check(data_->path(), "gateway", "retrieval", &response_, kImpatience).ok());
}

TEST_F(MutualTlsTest, ACertificateOfAnotherApplianceIsWorthNothing) {
  ASSERT_OK_AND_ASSIGN(const auto other, TempDir::Create());
  ASSERT_OK(auth::EnsureAppliancePki(other->path() + "/pki", {}, SystemClock()));
  EXPECT_FALSE(Check(other->path(), "gateway", "inference", &response_, kImpatience).ok());
}

TEST_F(MutualTlsTest, AnAddressInUseIsSaid) {
  RpcServerOptions options;
  options.listen = server_->address();
  ASSERT_OK_AND_ASSIGN(
      options.credentials,
      InternalServerCredentials(ServiceTlsFiles(data_->path(), "inference"), {"gateway"}));
  EXPECT_STATUS(RpcServer::Start(options, {}, {}), kUnavailable, server_->address());
}

TEST_F(MutualTlsTest, MissingFilesAreNamed) {
  EXPECT_STATUS(InternalServerCredentials(ServiceTlsFiles("/nowhere", "gateway"), {}), kNotFound,
                "/nowhere/pki");
}

}  // namespace
}  // namespace hadal::rpc
