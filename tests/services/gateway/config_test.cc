#include "services/gateway/config.h"

#include "tests/support/status_matchers.h"

namespace hadal::gateway {
namespace {

TEST(GatewayConfigTest, SetsWhatTheFileNames) {
  GatewayConfig config;
  ASSERT_OK(
      ApplyToml("[gateway.https]\nmax_body_bytes = 2048\nidle_timeout_s = 5\n[gateway.quota]\n"
                "requests_per_minute = 7\n[gateway.ask]\ntop_k = 3\n",
                config));
  EXPECT_EQ(config.https.max_body_bytes, 2048u);
  EXPECT_EQ(config.https.idle_timeout, absl::Seconds(5));
  EXPECT_EQ(config.quota.requests_per_minute, 7);
  EXPECT_EQ(config.ask_top_k, 3);
  EXPECT_EQ(config.https.max_header_bytes, GatewayConfig().https.max_header_bytes);
  EXPECT_OK(ApplyToml("", config));
}

TEST(GatewayConfigTest, RefusesWhatItDoesNotKnow) {
  GatewayConfig config;
  EXPECT_STATUS(ApplyToml("[gateway.https]\nmax_boddy = 1\n", config), kInvalidArgument, "line 2");
  EXPECT_STATUS(ApplyToml("[gateway.http]\n", config), kInvalidArgument, "'http'");
  EXPECT_STATUS(ApplyToml("gateway.quota = 3\n", config), kInvalidArgument, "'quota'");
  EXPECT_STATUS(ApplyToml("[gateway.quota]\nrequests_per_minute = 0\n", config), kInvalidArgument,
                "within 1 and");
  EXPECT_STATUS(ApplyToml("[gateway.quota]\nrequests_per_minute = \"9\"\n", config),
                kInvalidArgument, "integer");
  EXPECT_STATUS(ApplyToml("[gateway.quota\n", config), kInvalidArgument, "line 1");
  EXPECT_STATUS(ApplyToml("[gateway.limits]\ndefault_max_tokens = 9999\n", config),
                kInvalidArgument, "above");
}

}  // namespace
}  // namespace hadal::gateway
