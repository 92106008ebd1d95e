#include "services/config/service_table.h"

#include "tests/support/status_matchers.h"

namespace hadal::config {
namespace {

TEST(ServiceTableTest, GivesEachServiceItsOwnTable) {
  const char* file = "[gateway.quota]\nrequests_per_minute = 7\n[inference]\nthreads = 3\n";
  ASSERT_OK_AND_ASSIGN(const toml::table gateway, ServiceTable(file, "gateway"));
  EXPECT_EQ(gateway["quota"]["requests_per_minute"].value<int>(), 7);
  ASSERT_OK_AND_ASSIGN(const toml::table inference, ServiceTable(file, "inference"));
  EXPECT_EQ(inference["threads"].value<int>(), 3);
  ASSERT_OK_AND_ASSIGN(const toml::table retrieval, ServiceTable(file, "retrieval"));
  EXPECT_TRUE(retrieval.empty());
}

TEST(ServiceTableTest, RefusesWhatBelongsToNoService) {
  EXPECT_STATUS(ServiceTable("\n[gatewey]\nx = 1\n", "gateway"), kInvalidArgument, "line 2");
  EXPECT_STATUS(ServiceTable("[gatewey]\n", "gateway"), kInvalidArgument, "'gatewey'");
  EXPECT_STATUS(ServiceTable("threads = 1\n", "inference"), kInvalidArgument, "'threads'");
  EXPECT_STATUS(ServiceTable("inference = 1\n", "gateway"), kInvalidArgument, "'inference'");
  EXPECT_STATUS(ServiceTable("a = = 1\n", "gateway"), kInvalidArgument, "line 1");
}

}  // namespace
}  // namespace hadal::config
