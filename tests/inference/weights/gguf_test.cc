#include "inference/weights/gguf.h"

#include <fstream>

#include "base/file.h"
#include "tests/inference/weights/gguf_writer.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::GgufWriter;

class GgufTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  StatusOr<std::unique_ptr<GgufFile>> OpenBytes(const std::string& bytes) {
    const std::string path = dir_->path() + "/file.gguf";
    std::ofstream(path, std::ios::binary) << bytes;
    return GgufFile::Open(path);
  }

  std::unique_ptr<TempDir> dir_;
};

GgufWriter SmallFile() {
  GgufWriter writer;
  writer.Text("general.architecture", "qwen2").U32("n", 7).F32("x", 0.5f);
  writer.Strings("tokens", {"a", "bc"});
  writer.Array("types", 5, 2).Append(int32_t{-1}).Append(int32_t{3});
  writer.Tensor("w", {4, 2}, 0, 0).Tensor("v", {32, 1}, 8, 32);
  return writer.Data(std::string(32 + 34, 'x'));
}

TEST_F(GgufTest, ReadsMetadataAndTensors) {
  for (uint32_t version : {2u, 3u}) {
    ASSERT_OK_AND_ASSIGN(auto file, OpenBytes(SmallFile().Bytes(version)));
    EXPECT_EQ(file->GetString("general.architecture").value(), "qwen2");
    EXPECT_EQ(file->GetInt("n").value(), 7);
    EXPECT_EQ(file->GetFloat("x").value(), 0.5);
    EXPECT_EQ(file->GetFloat("n").value(), 7.0);
    EXPECT_EQ(*file->FindStrings("tokens"), (std::vector<std::string>{"a", "bc"}));
    EXPECT_EQ(*file->FindInts("types"), (std::vector<int64_t>{-1, 3}));
    EXPECT_EQ(file->FindFloats("types"), nullptr);
    ASSERT_NE(file->FindTensor("w"), nullptr);
    EXPECT_EQ(file->FindTensor("w")->shape, (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(file->FindTensor("w")->data.size(), 32u);
    EXPECT_EQ(file->FindTensor("v")->data.size(), 34u);
    EXPECT_EQ(file->FindTensor("nothing"), nullptr);
    EXPECT_STATUS(file->GetInt("absent"), kNotFound, "absent");
    EXPECT_STATUS(file->GetInt("tokens"), kInvalidArgument, "not an integer");
    EXPECT_STATUS(file->GetBool("n"), kInvalidArgument, "not a boolean");
  }
}

TEST_F(GgufTest, RefusesEveryTruncation) {
  const std::string bytes = SmallFile().Bytes();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_STATUS(OpenBytes(bytes.substr(0, length)), kInvalidArgument, "at byte");
  }
}

TEST_F(GgufTest, NamesWhatIsWrong) {
  auto open = [this](const GgufWriter& writer) { return OpenBytes(writer.Bytes()).status(); };
  EXPECT_STATUS(OpenBytes(SmallFile().Bytes(1)).status(), kInvalidArgument, "version");
  EXPECT_STATUS(OpenBytes("GGML" + SmallFile().Bytes().substr(4)).status(), kInvalidArgument,
                "magic");
  EXPECT_STATUS(open(GgufWriter().U32("k", 1).U32("k", 1)), kInvalidArgument, "twice");
  EXPECT_STATUS(open(GgufWriter().U32("", 1)), kInvalidArgument, "empty");
  EXPECT_STATUS(open(GgufWriter().U32("a\nb", 1)), kInvalidArgument, "printable");
  EXPECT_STATUS(open(GgufWriter().Key("k", 13)), kInvalidArgument, "type 13");
  EXPECT_STATUS(open(GgufWriter().Key("k", 7).Append(uint8_t{2})), kInvalidArgument, "boolean");
  EXPECT_STATUS(open(GgufWriter().Array("k", 9, 1)), kInvalidArgument, "arrays of arrays");
  EXPECT_STATUS(open(GgufWriter().Array("k", 4, UINT64_MAX)), kInvalidArgument, "array values");
  EXPECT_STATUS(open(GgufWriter().Array("k", 4, 1 << 22)), kInvalidArgument, "are left");
  EXPECT_STATUS(open(GgufWriter().Array("k", 8, 1 << 22)), kInvalidArgument, "are left");
  EXPECT_STATUS(open(GgufWriter().Key("k", 8).Append(UINT64_MAX)), kInvalidArgument, "bytes long");
  EXPECT_STATUS(open(GgufWriter().U32("general.alignment", 24)), kInvalidArgument, "power of two");
  EXPECT_STATUS(open(GgufWriter().U32("general.alignment", 0)), kInvalidArgument, "power of two");
}

TEST_F(GgufTest, RefusesBadTensors) {
  auto open = [this](GgufWriter writer) {
    return OpenBytes(writer.Data(std::string(64, 'x')).Bytes()).status();
  };
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {8}, 0, 0).Tensor("t", {8}, 0, 32)), kInvalidArgument,
                "twice");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {9}, 0, 0).Tensor("u", {7}, 0, 32)), kInvalidArgument,
                "overlaps");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {8}, 0, 8)), kInvalidArgument, "alignment");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {8}, 0, 64)), kInvalidArgument,
                "past the file's end");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {8}, 0, UINT64_MAX - 31)), kInvalidArgument,
                "past the file's end");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {33}, 8, 0)), kInvalidArgument, "whole Q8_0 blocks");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {8}, 10, 0)), kInvalidArgument, "tensor type 10");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {}, 0, 0)), kInvalidArgument, "dimensions");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {1, 1, 1, 1, 1}, 0, 0)), kInvalidArgument,
                "dimensions");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {0}, 0, 0)), kInvalidArgument, "dimension 0");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0)),
                kInvalidArgument, "product");
  EXPECT_STATUS(open(GgufWriter().Tensor("t", {uint64_t{1} << 40}, 0, 0)), kInvalidArgument,
                "more bytes");
}

TEST_F(GgufTest, OpensTheDefaultModel) {
  const std::string path = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  auto file = GgufFile::Open(path);
  if (file.status().code() == StatusCode::kNotFound) GTEST_SKIP() << path << " is absent";
  ASSERT_OK(file);
  EXPECT_EQ((*file)->tensors().size(), 291u);
  EXPECT_EQ((*file)->FindStrings("tokenizer.ggml.tokens")->size(), 151936u);
  EXPECT_EQ((*file)->FindTensor("blk.0.ffn_down.weight")->shape, (std::vector<int64_t>{896, 4864}));
}

}  // namespace
}  // namespace hadal::inference
