#include "services/inference/model_digests.h"

#include <sys/stat.h>

#include <regex>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

// SHA-256 of "abc" (FIPS 180-4, appendix B.1).
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class ModelDigestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    file_ = folder_->path() + "/model.gguf";
    cache_ = folder_->path() + "/digests.json";
    ASSERT_OK(WriteFileAtomic(file_, "abc"));
  }
  StatusOr<std::string> Digest(const std::string& path) {
    ModelDigests digests({path}, cache_);
    return digests.Wait(path, absl::Now() + absl::Seconds(30));
  }
  std::unique_ptr<TempDir> folder_;
  std::string file_;
  std::string cache_;
};

TEST_F(ModelDigestsTest, HashesAFile) { EXPECT_EQ(*Digest(file_), kAbc); }

TEST_F(ModelDigestsTest, AKeptDigestSavesReading) {
  ASSERT_OK(Digest(file_));
  ASSERT_OK_AND_ASSIGN(const std::string kept, ReadFile(cache_));
  const std::string other(64, 'a');  // shows where the answer comes from
  ASSERT_OK(WriteFileAtomic(cache_, std::regex_replace(kept, std::regex(kAbc), other)));
  EXPECT_EQ(*Digest(file_), other);
  ASSERT_OK(WriteFileAtomic(file_, "abc"));  // the same bytes in another file
  EXPECT_EQ(*Digest(file_), kAbc);
}

TEST_F(ModelDigestsTest, ADamagedCacheOnlyCostsTime) {
  for (const char* damaged : {"", "{", "[1]", "{\"x\": 5}", "{\"x\": \"zz\"}"}) {
    ASSERT_OK(WriteFileAtomic(cache_, damaged));
    EXPECT_EQ(*Digest(file_), kAbc) << damaged;
  }
}

TEST_F(ModelDigestsTest, AFoldersDigestIsThatOfItsListing) {
  const std::string model = folder_->path() + "/hf";
  ASSERT_OK(MakeDirectories(model));
  ASSERT_OK(WriteFileAtomic(model + "/b.safetensors", "abc"));
  ASSERT_OK(WriteFileAtomic(model + "/a.json", "abc"));
  const std::string listing = std::string(kAbc) + "  a.json\n" + kAbc + "  b.safetensors\n";
  EXPECT_EQ(*Digest(model), HexEncode(auth::Sha256(listing)));
}

TEST_F(ModelDigestsTest, AMissingFileIsAnErrorAndWaitingHasAnEnd) {
  EXPECT_STATUS(Digest(folder_->path() + "/none"), kNotFound, "none");
  ModelDigests digests({file_}, cache_);
  EXPECT_STATUS(digests.Wait("never given", absl::Now() + absl::Milliseconds(10)),
                kDeadlineExceeded, "still being computed");
}

}  // namespace
}  // namespace hadal::inference_service
