// Against SoftHSM, a token in software; a program of its own, since SoftHSM is configured for a
// process.

#include "auth/crypto/pkcs11_key.h"

#include "auth/crypto/key_ring.h"
#include "auth/crypto/master_key_source.h"
#include "tests/auth/crypto/soft_token.h"

namespace hadal::auth {
namespace {

class Pkcs11KeyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HaveSoftHsm()) return;
    folder_ = TempDir::Create("token")->release();  // deleted by TearDownTestSuite()
    token_ = new SoftToken(folder_->path());
    token_->MakeAesKey("master", 32, /*extractable=*/false);
    token_->MakeAesKey("second", 32, /*extractable=*/false);
    token_->MakeAesKey("short", 16, /*extractable=*/false);
    token_->MakeAesKey("loose", 32, /*extractable=*/true);
    CHECK_OK(WriteFileAtomic(Pin(), "5678\n", 0600));
  }
  static void TearDownTestSuite() {
    delete token_;
    delete folder_;
  }
  void SetUp() override {
    if (token_ == nullptr) GTEST_SKIP() << kSoftHsm << " is absent: install softhsm2";
  }

  static std::string Pin() { return folder_->path() + "/pin"; }
  static std::string Uri(const std::string& object, const std::string& token = "hadal") {
    return fmt::format("pkcs11:token={};object={}?module-path={}&pin-source=file:{}", token, object,
                       kSoftHsm, Pin());
  }

  static TempDir* folder_;
  static SoftToken* token_;
};

TempDir* Pkcs11KeyTest::folder_ = nullptr;
SoftToken* Pkcs11KeyTest::token_ = nullptr;

TEST_F(Pkcs11KeyTest, WrapsAndUnwrapsInsideTheToken) {
  ASSERT_OK_AND_ASSIGN(const auto master, OpenMasterKey(Uri("master"), ""));
  ASSERT_OK_AND_ASSIGN(const auto second, OpenMasterKey(Uri("second"), ""));
  EXPECT_NE(master->id(), second->id());
  const KeyRing ring({master});
  for (const AeadAlgorithm algorithm : {AeadAlgorithm::kAes256Gcm, AeadAlgorithm::kSm4Gcm}) {
    ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(algorithm));
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, ring.Wrap(key, "base 7"));
    EXPECT_EQ(wrapped.find(key.key.Reveal()), std::string::npos);
    ASSERT_OK_AND_ASSIGN(const DataKey opened, ring.Unwrap(wrapped, "base 7"));
    EXPECT_EQ(opened.key.Reveal(), key.key.Reveal());
    EXPECT_EQ(opened.algorithm, algorithm);
    EXPECT_STATUS(ring.Unwrap(wrapped, "base 8"), kDataLoss, "token refuses");
    EXPECT_STATUS(KeyRing({second}).Unwrap(wrapped, "base 7"), kFailedPrecondition, master->id());
  }
}

TEST_F(Pkcs11KeyTest, AChangedWrappedKeyDoesNotOpen) {
  ASSERT_OK_AND_ASSIGN(const auto master, OpenMasterKey(Uri("master"), ""));
  const KeyRing ring({master});
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(AeadAlgorithm::kAes256Gcm));
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, ring.Wrap(key, "c"));
  for (size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(ring.Unwrap(changed, "c").ok()) << i;
    EXPECT_FALSE(ring.Unwrap(wrapped.substr(0, i), "c").ok()) << i;
  }
}

TEST_F(Pkcs11KeyTest, RotatesFromAFileIntoTheToken) {
  const std::string path = folder_->path() + "/file.key";
  ASSERT_OK(NewMasterKeyFile(path));
  ASSERT_OK_AND_ASSIGN(const auto file, OpenMasterKey("file:" + path, ""));
  ASSERT_OK_AND_ASSIGN(const auto token, OpenMasterKey(Uri("master"), ""));
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(AeadAlgorithm::kAes256Gcm));
  ASSERT_OK_AND_ASSIGN(const std::string old_wrapped, KeyRing({file}).Wrap(key, "c"));
  const KeyRing both({token, file});
  ASSERT_OK_AND_ASSIGN(const DataKey opened, both.Unwrap(old_wrapped, "c"));
  ASSERT_OK_AND_ASSIGN(const std::string new_wrapped, both.Wrap(opened, "c"));
  ASSERT_OK_AND_ASSIGN(const DataKey last, KeyRing({token}).Unwrap(new_wrapped, "c"));
  EXPECT_EQ(last.key.Reveal(), key.key.Reveal());
}

TEST_F(Pkcs11KeyTest, SaysWhatIsWrong) {
  EXPECT_STATUS(OpenPkcs11Key(Uri("absent")), kNotFound, "no secret keys");
  EXPECT_STATUS(OpenPkcs11Key(Uri("master", "other")), kNotFound, "'hadal'");
  EXPECT_STATUS(OpenPkcs11Key(Uri("short")), kFailedPrecondition, "16 bytes, expected AES with 32");
  EXPECT_STATUS(OpenPkcs11Key(Uri("loose")), kFailedPrecondition, "taken out");
  EXPECT_STATUS(OpenPkcs11Key("pkcs11:object=k?module-path=/absent.so&pin-source=/p"), kNotFound,
                "/absent.so");
  ASSERT_OK(WriteFileAtomic(Pin(), "5678\n", 0644));
  EXPECT_STATUS(OpenPkcs11Key(Uri("master")), kFailedPrecondition, "chmod 600");
  ASSERT_OK(WriteFileAtomic(Pin(), "5678\n", 0600));
}

// SoftHSM takes any PIN while another session is logged in, so this one opens none before it.
TEST_F(Pkcs11KeyTest, AWrongPinIsRefusedAndNotTriedAgain) {
  ASSERT_OK(WriteFileAtomic(Pin(), "0000\n", 0600));
  EXPECT_STATUS(OpenPkcs11Key(Uri("master")), kFailedPrecondition, "correct the PIN file");
  ASSERT_OK(WriteFileAtomic(Pin(), "5678\n", 0600));
  EXPECT_OK(OpenPkcs11Key(Uri("master")));
}

}  // namespace
}  // namespace hadal::auth
