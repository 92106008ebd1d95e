#include "services/rpc/status.h"

#include "tests/support/status_matchers.h"

namespace hadal::rpc {
namespace {

TEST(RpcStatusTest, EveryCodeSurvivesTheWire) {
  EXPECT_TRUE(ToGrpc(OkStatus()).ok());
  EXPECT_OK(FromGrpc(grpc::Status::OK));
  for (int code = 1; code <= static_cast<int>(StatusCode::kUnauthenticated); ++code) {
    const Status status = MakeStatus(static_cast<StatusCode>(code), "what was expected");
    EXPECT_EQ(ToGrpc(status).error_code(), code);
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
}

}  // namespace
}  // namespace hadal::rpc
