#include "auth/crypto/ed25519.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "auth/crypto/secret_file.h"
#include "base/file.h"
#include "base/hex.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

std::string Unhex(std::string_view hex) { return *HexDecode(hex); }

// RFC 8032 §7.1 test 2.
TEST(Ed25519, VerifiesRfc8032Signature) {
  const std::string key =
      Unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  std::string signature =
      Unhex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(VerifyEd25519(key, "\x72", signature));
  EXPECT_FALSE(VerifyEd25519(key, "\x73", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    signature[i] = static_cast<char>(signature[i] ^ 1);
    EXPECT_FALSE(VerifyEd25519(key, "\x72", signature)) << i;
    signature[i] = static_cast<char>(signature[i] ^ 1);
  }
  EXPECT_FALSE(VerifyEd25519(key, "\x72", ""));
  EXPECT_FALSE(VerifyEd25519("", "\x72", signature));
}

TEST(Ed25519, KeySurvivesItsPemFileAndEveryChangedByteIsFound) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  const std::string path = folder->path() + "/signing.key";
  ASSERT_OK_AND_ASSIGN(const auto key, Ed25519PrivateKey::Generate());
  ASSERT_OK(key.WritePemFile(path));
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);

  ASSERT_OK_AND_ASSIGN(const auto again, Ed25519PrivateKey::ReadPemFile(path));
  EXPECT_EQ(again.public_key(), key.public_key());
  ASSERT_OK_AND_ASSIGN(const std::string signature, again.Sign("message"));
  EXPECT_TRUE(VerifyEd25519(key.public_key(), "message", signature));

  ASSERT_OK_AND_ASSIGN(std::string pem, ReadFile(path));
  for (size_t i = 0; i < pem.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = pem;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const auto read = Ed25519PrivateKey::FromPem(Secret(damaged));
      // A flip inside the key itself gives another, valid key.
      if (!read.ok()) continue;
      EXPECT_NE(read->public_key(), key.public_key()) << i << " " << bit;
    }
  }
}

TEST(SecretFile, RefusesAFileOthersMayRead) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  const std::string path = folder->path() + "/key";
  ASSERT_OK(WriteFileAtomic(path, "secret", 0640));
  EXPECT_STATUS(ReadSecretFile(path), kFailedPrecondition, "chmod 600");
  ASSERT_OK(WriteSecretFile(path, Secret("secret")));
  ASSERT_OK_AND_ASSIGN(const Secret secret, ReadSecretFile(path));
  EXPECT_EQ(secret.Reveal(), "secret");
  EXPECT_STATUS(ReadSecretFile(folder->path() + "/absent"), kNotFound, "absent");
}

}  // namespace
}  // namespace hadal::auth
