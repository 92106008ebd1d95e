// Damaged model files: whatever the bytes, opening gives a file or a clear error, quickly. Done
// with a small generated file, and with the default model's header where it is there (a sparse
// copy: its weights are holes).
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <random>

#include "base/file.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/gguf.h"
#include "inference/weights/safetensors.h"
#include "tests/inference/weights/gguf_writer.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr size_t kHeaderRegion = 64 << 10;

// A file whose first bytes are patched in place; the rest is a hole of the original length.
class PatchedFile {
 public:
  PatchedFile(const std::string& folder, std::string header, size_t full_size)
      : path_(folder + "/model.gguf"), header_(std::move(header)), full_size_(full_size) {
    fd_.Reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    EXPECT_TRUE(fd_.valid());
    Restore();
  }
  void Restore() {
    EXPECT_OK(Write(0, header_));
    Truncate(full_size_);
  }
  Status Write(size_t offset, std::string_view bytes) {
    const ssize_t done =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    return done == static_cast<ssize_t>(bytes.size()) ? OkStatus() : ErrnoStatus("write", path_);
  }
  void Truncate(size_t size) { EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(size)), 0); }
  const std::string& path() const { return path_; }
  const std::string& header() const { return header_; }

 private:
  const std::string path_;
  const std::string header_;
  const size_t full_size_;
  UniqueFd fd_;
};

std::string SmallHeader() {
  testing::GgufWriter writer;
  writer.Text("general.architecture", "qwen2").U32("qwen2.block_count", 1);
  writer.Strings("tokenizer.ggml.tokens", std::vector<std::string>(400, "token"));
  for (int i = 0; i < 40; ++i) {
    writer.Tensor("blk." + std::to_string(i) + ".w", {64, 4}, 0, static_cast<uint64_t>(i) * 1024);
  }
  return writer.Bytes();
}

// Opens the file as far as it goes, and looks at what an engine would look at.
void MustNotCrash(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  const auto file = GgufFile::Open(path);
  if (!file.ok()) {
    EXPECT_EQ(file.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(StatusMessage(file.status()), ::testing::HasSubstr("at byte"));
  } else {
    for (const GgufTensor& tensor : (*file)->tensors()) {
      ASSERT_FALSE(tensor.data.empty());
      volatile uint8_t touched = tensor.data.front();
      touched = tensor.data.back();
      (void)touched;
    }
    (void)Checkpoint::Open(path);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

enum class Source { kSmall, kDefaultModel };

class HostileGguf : public ::testing::TestWithParam<Source> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    if (real_) {
      const std::string model = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
      const auto mapped = MappedFile::Open(model);
      if (!mapped.ok()) GTEST_SKIP() << model << " is absent";
      // Metadata and tensor table of the default model end below 6 MB.
      const auto bytes = (*mapped)->bytes();
      file_ = std::make_unique<PatchedFile>(
          dir_->path(), std::string(bytes.begin(), bytes.begin() + (6 << 20)), bytes.size());
    } else {
      file_ = std::make_unique<PatchedFile>(dir_->path(), SmallHeader(), 64 << 10);
    }
    ASSERT_OK(GgufFile::Open(file_->path()));
  }

  const bool real_ = GetParam() == Source::kDefaultModel;
  std::unique_ptr<TempDir> dir_;
  std::unique_ptr<PatchedFile> file_;
  std::mt19937_64 random_{20261122};
};

TEST_P(HostileGguf, Truncated) {
  const size_t header = file_->header().size();
  for (int round = 0; round < 40; ++round) {
    file_->Restore();
    file_->Truncate(random_() % (header * 2));
    MustNotCrash(file_->path());
  }
  file_->Restore();
  // Downwards, so that each cut needs no new copy.
  for (size_t size = std::min(kHeaderRegion, header); size > 0; size -= size <= 2048 ? 1 : 31) {
    file_->Truncate(size - 1);
    MustNotCrash(file_->path());
    EXPECT_FALSE(GgufFile::Open(file_->path()).ok()) << size;
  }
}

TEST_P(HostileGguf, BitsFlipped) {
  const size_t header = file_->header().size();
  const int rounds = real_ ? 400 : 3000;  // each parses 300,000 strings of the real header
  for (int round = 0; round < rounds; ++round) {
    // Half of them where the structure is densest: the first keys, and the tensor table at the end.
    size_t offset = random_() % header;
    if (round % 4 == 0) offset = random_() % std::min<size_t>(header, 1200);
    if (round % 4 == 1) offset = header - 1 - random_() % std::min<size_t>(header, kHeaderRegion);
    const char flipped = static_cast<char>(file_->header()[offset] ^ (1 << (random_() % 8)));
    ASSERT_OK(file_->Write(offset, {&flipped, 1}));
    MustNotCrash(file_->path());
    ASSERT_OK(file_->Write(offset, {&file_->header()[offset], 1}));
  }
}

TEST_P(HostileGguf, NumbersReplaced) {
  const uint64_t extremes[] = {0,
                               1,
                               0x7F,
                               0xFFFF,
                               0x7FFFFFFF,
                               0xFFFFFFFF,
                               uint64_t{1} << 40,
                               uint64_t{1} << 63,
                               UINT64_MAX - 7,
                               UINT64_MAX};
  const size_t dense = std::min<size_t>(file_->header().size() - 8, real_ ? 1500 : 3000);
  for (size_t offset = 4; offset < dense; offset += real_ ? 7 : 1) {
    const uint64_t value = extremes[(offset * 31) % std::size(extremes)];
    ASSERT_OK(file_->Write(offset, {reinterpret_cast<const char*>(&value), 8}));
    MustNotCrash(file_->path());
    ASSERT_OK(file_->Write(offset, std::string_view(file_->header()).substr(offset, 8)));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HostileGguf,
                         ::testing::Values(Source::kSmall, Source::kDefaultModel),
                         [](const auto& test) {
                           return test.param == Source::kSmall ? "Small" : "DefaultModel";
                         });

TEST(HostileSafetensors, EveryBitOfTheHeader) {
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  const std::string path = dir->path() + "/m.safetensors";
  ASSERT_OK(
      WriteSafetensors(path, {{"a.weight", SafetensorsType::kBF16, {4, 8}, std::string(64, 'x')},
                              {"b", SafetensorsType::kF32, {3}, std::string(12, 'y')}}));
  ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(path));
  UniqueFd fd(::open(path.c_str(), O_RDWR));
  int opened = 0;
  for (size_t bit = 0; bit < (good.size() - 76) * 8; ++bit) {
    const char flipped = static_cast<char>(good[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(::pwrite(fd.get(), &flipped, 1, static_cast<off_t>(bit / 8)), 1);
    const auto file = SafetensorsFile::Open(path);
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), StatusCode::kInvalidArgument);
    } else {
      ++opened;
      for (const auto& entry : (*file)->entries()) {
        EXPECT_LE(entry.data.size(), good.size());
      }
    }
    ASSERT_EQ(::pwrite(fd.get(), &good[bit / 8], 1, static_cast<off_t>(bit / 8)), 1);
  }
  EXPECT_GT(opened, 0);  // a flipped letter of a name is another valid file
}

}  // namespace
}  // namespace hadal::inference
