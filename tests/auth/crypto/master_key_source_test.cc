#include "auth/crypto/master_key_source.h"

#include <sys/stat.h>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

class MasterKeySourceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create()); }

  std::string Path(const std::string& name) const { return folder_->path() + "/" + name; }

  StatusOr<std::shared_ptr<const MasterKey>> OpenFile(const std::string& content, int mode = 0600) {
    EXPECT_OK(WriteFileAtomic(Path("key"), content, mode));
    return OpenMasterKey("file:" + Path("key"), "");
  }

  std::unique_ptr<TempDir> folder_;
};

TEST_F(MasterKeySourceTest, TheThreeFormsOfAFileAreTheSameKey) {
  const std::string key = Sha256("a key");
  ASSERT_OK_AND_ASSIGN(const auto raw, OpenFile(key));
  ASSERT_OK_AND_ASSIGN(const auto hex, OpenFile(HexEncode(key) + "\n"));
  // `printf 'a key' | openssl dgst -sha256 -binary | base64`
  ASSERT_OK_AND_ASSIGN(const auto base64,
                       OpenFile("j6Oqsvqpt54KA5jaW1q9B4AUJEKlvoC5pkYI1xjLH80=\r\n"));
  EXPECT_EQ(raw->id(), hex->id());
  EXPECT_EQ(raw->id(), base64->id());
  EXPECT_EQ(raw->id().size(), 16u);
  EXPECT_EQ(HexEncode(key).find(raw->id()), std::string::npos);
}

TEST_F(MasterKeySourceTest, SaysWhatIsWrongWithAFile) {
  EXPECT_STATUS(OpenMasterKey("file:" + Path("absent"), ""), kNotFound, "absent");
  EXPECT_STATUS(OpenFile(Sha256("a key"), 0640), kFailedPrecondition, "chmod 600");
  EXPECT_STATUS(OpenFile(""), kInvalidArgument, "0 bytes");
  EXPECT_STATUS(OpenFile(std::string(64, 'g')), kInvalidArgument, "64 hexadecimal");
  EXPECT_STATUS(OpenFile(std::string(44, '*')), kInvalidArgument, "44 characters");
  EXPECT_STATUS(OpenFile(std::string(43, '*') + "="), kInvalidArgument, "Base64");
  EXPECT_STATUS(OpenFile(std::string(64, '0')), kInvalidArgument, "equal bytes");
  // What is in it is never in a message.
  const Status status = OpenFile("almost-a-key").status();
  EXPECT_EQ(StatusMessage(status).find("almost"), std::string::npos);
}

TEST_F(MasterKeySourceTest, ReadsACredentialOfSystemd) {
  // As systemd lays it out where it uses an access list: its mask stands in the group's bits.
  ASSERT_OK(WriteFileAtomic(Path("hadal-master"), HexEncode(Sha256("a key")), 0440));
  ASSERT_OK_AND_ASSIGN(const auto key, OpenMasterKey("credential:hadal-master", folder_->path()));
  ASSERT_OK_AND_ASSIGN(const auto file, OpenFile(Sha256("a key")));
  EXPECT_EQ(key->id(), file->id());
  EXPECT_STATUS(OpenMasterKey("credential:other", folder_->path()), kNotFound, "other");
  EXPECT_STATUS(OpenMasterKey("credential:hadal-master", ""), kNotFound, "LoadCredential");
}

TEST_F(MasterKeySourceTest, ChecksTheLineOfConfiguration) {
  EXPECT_OK(CheckMasterKeySource("file:/etc/hadal/master.key"));
  EXPECT_OK(CheckMasterKeySource("credential:hadal-master"));
  EXPECT_STATUS(CheckMasterKeySource("/etc/hadal/master.key"), kInvalidArgument, "file:PATH");
  EXPECT_STATUS(CheckMasterKeySource("file:"), kInvalidArgument, "file:PATH");
  EXPECT_STATUS(CheckMasterKeySource("credential:../x"), kInvalidArgument, "no folder");
  EXPECT_STATUS(CheckMasterKeySource("pkcs11:token=t;object=k"), kInvalidArgument, "pin-source");
  EXPECT_STATUS(CheckMasterKeySource("pkcs11:token=t?module-path=/m&pin-source=/p"),
                kInvalidArgument, "object");
  EXPECT_STATUS(CheckMasterKeySource("pkcs11:tok%zz"), kInvalidArgument, "RFC 7512");
  EXPECT_OK(CheckMasterKeySource("pkcs11:object=k?module-path=/m&pin-source=/p"));
}

TEST_F(MasterKeySourceTest, ANewFileNeverReplacesOne) {
  ASSERT_OK(NewMasterKeyFile(Path("new")));
  struct stat st {};
  ASSERT_EQ(::stat(Path("new").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  ASSERT_OK_AND_ASSIGN(const auto key, OpenMasterKey("file:" + Path("new"), ""));
  EXPECT_STATUS(NewMasterKeyFile(Path("new")), kAlreadyExists, "new");
  ASSERT_OK_AND_ASSIGN(const auto same, OpenMasterKey("file:" + Path("new"), ""));
  EXPECT_EQ(same->id(), key->id());
  ASSERT_OK(NewMasterKeyFile(Path("other")));
  ASSERT_OK_AND_ASSIGN(const auto other, OpenMasterKey("file:" + Path("other"), ""));
  EXPECT_NE(other->id(), key->id());
}

}  // namespace
}  // namespace hadal::auth
