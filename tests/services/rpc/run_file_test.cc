#include "services/rpc/run_file.h"

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::rpc {
namespace {

TEST(RunFileTest, SaysWhereAServiceListens) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  ASSERT_OK(WriteRunFile(folder->path(), "gateway", {.pid = 7, .endpoints = {{"grpc", "h:1"}}}));
  ASSERT_OK_AND_ASSIGN(const RunFile read, ReadRunFile(folder->path(), "gateway"));
  EXPECT_EQ(read.pid, 7);
  EXPECT_EQ(read.endpoints.at("grpc"), "h:1");
  EXPECT_STATUS(ReadRunFile(folder->path(), "inference"), kNotFound, "inference.json");
}

TEST(RunFileTest, DamageIsSaid) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  ASSERT_OK(MakeDirectories(folder->path() + "/run"));
  for (const char* text : {"", "{", "[]", "{\"pid\": \"7\", \"endpoints\": {}}", "{\"pid\": 7}",
                           "{\"pid\": 7, \"endpoints\": []}"}) {
    ASSERT_OK(WriteFileAtomic(folder->path() + "/run/gateway.json", text));
    EXPECT_STATUS(ReadRunFile(folder->path(), "gateway"), kDataLoss, "run file");
  }
}

}  // namespace
}  // namespace hadal::rpc
