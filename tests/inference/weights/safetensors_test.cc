#include "inference/weights/safetensors.h"

#include <cstring>
#include <fstream>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

std::string File(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header +
         std::string(data_bytes, 'd');
}

class SafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  StatusOr<std::unique_ptr<SafetensorsFile>> OpenBytes(const std::string& bytes) {
    const std::string path = dir_->path() + "/f.safetensors";
    std::ofstream(path, std::ios::binary) << bytes;
    return SafetensorsFile::Open(path);
  }
  Status OpenHeader(const std::string& header) { return OpenBytes(File(header, 16)).status(); }

  std::unique_ptr<TempDir> dir_;
};

TEST_F(SafetensorsTest, RoundTrip) {
  const std::string path = dir_->path() + "/w.safetensors";
  ASSERT_OK(WriteSafetensors(path, {{"b", SafetensorsType::kF32, {2, 1}, "12345678"},
                                    {"a \"q\"", SafetensorsType::kI32, {}, "wxyz"},
                                    {"empty", SafetensorsType::kBF16, {0, 5}, ""}}));
  ASSERT_OK_AND_ASSIGN(auto file, SafetensorsFile::Open(path));
  ASSERT_EQ(file->entries().size(), 3u);
  const SafetensorsEntry* b = file->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(std::string(b->data.begin(), b->data.end()), "12345678");
  EXPECT_EQ(file->Find("a \"q\"")->type, SafetensorsType::kI32);
  EXPECT_TRUE(file->Find("empty")->data.empty());
  EXPECT_EQ(file->Find("c"), nullptr);
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_STATUS(OpenBytes(bytes.substr(0, length)), kInvalidArgument, "f.safetensors");
  }
  EXPECT_STATUS(WriteSafetensors(path, {{"b", SafetensorsType::kF32, {2}, "1234"}}),
                kInvalidArgument, "needs 8");
}

TEST_F(SafetensorsTest, NamesWhatIsWrong) {
  const std::string ok = R"("dtype":"F32","shape":[4],"data_offsets":[0,16])";
  EXPECT_OK(OpenHeader("{\"__metadata__\":{\"format\":\"pt\"},\"a\":{" + ok + "}}   "));
  EXPECT_STATUS(OpenHeader("{\"a\":{" + ok + "},\"a\":{" + ok + "}}"), kInvalidArgument,
                "overlaps");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},
                               "a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})"),
                kInvalidArgument, "twice");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}})"),
                kInvalidArgument, "need 20");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[4,20]}})"),
                kInvalidArgument, "not inside");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})"),
                kInvalidArgument, "not inside");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[4]}})"), kInvalidArgument, "lacks");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"Q9","shape":[4],"data_offsets":[0,16]}})"),
                kInvalidArgument, "unknown dtype");
  EXPECT_STATUS(OpenHeader(R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})"),
                kInvalidArgument, "negative");
  EXPECT_STATUS(
      OpenHeader(
          R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}})"),
      kInvalidArgument, "overflows");
  EXPECT_STATUS(OpenHeader(R"({"a":{"b":{}}})"), kInvalidArgument, "object");
  EXPECT_STATUS(OpenHeader("{\"a\":" + std::string(100000, '[')), kInvalidArgument, "list");
  EXPECT_STATUS(OpenHeader("[1]"), kInvalidArgument, "list");
  EXPECT_STATUS(OpenHeader("7"), kInvalidArgument, "number");
  EXPECT_STATUS(OpenHeader("{\"a\":"), kInvalidArgument, "JSON");
  std::string huge = File("{}", 0);
  std::memset(huge.data(), 0xFF, 8);
  EXPECT_STATUS(OpenBytes(huge), kInvalidArgument, "header length");
}

}  // namespace
}  // namespace hadal::inference
