// A store whose values are encrypted: what lies on the disk, what opens it, and what does not.

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "auth/crypto/digest.h"
#include "auth/crypto/master_key_source.h"
#include "auth/crypto/secret_file.h"
#include "base/hex.h"
#include "base/subprocess.h"
#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "services/retrieval/key_ring_cipher.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval_service {
namespace {

namespace fs = std::filesystem;
using retrieval::Database;
using retrieval::KnowledgeStore;
using retrieval::Table;

constexpr char kText[] = "第三条 检修期间不得合闸";
constexpr char kTitle[] = "锅炉检修规程";
constexpr char kFileName[] = "boiler-rules.docx";

retrieval::NewDocument Rules(const std::string& id = "d1") {
  retrieval::NewDocument document =
      retrieval::MakeDocument(id, {kText, std::string(kText) + "，违者记过"});
  document.title = kTitle;
  document.file_name = kFileName;
  return document;
}

class EncryptionTest : public ::testing::TestWithParam<auth::AeadAlgorithm> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create("encryption"));
    encryption_.algorithm = GetParam();
    encryption_.master_key = KeyFile("first");
    store_options_.path = folder_->path() + "/knowledge";
    store_options_.min_free_bytes = 0;
  }

  /// The source of a master key that is there from now on.
  std::string KeyFile(const std::string& name) {
    const std::string path = folder_->path() + "/" + name + ".key";
    if (!fs::exists(path)) {
      EXPECT_OK(auth::NewMasterKeyFile(path));
    }
    return "file:" + path;
  }

  Status Open() {
    store_.reset();
    ASSIGN_OR_RETURN(store_options_.cipher, KeyRingCipher::Create(encryption_));
    ASSIGN_OR_RETURN(store_, KnowledgeStore::Open(store_options_, embedder_, clock_));
    return OkStatus();
  }
  void OpenWithRules(const std::string& base = "kb") {
    ASSERT_OK(Open());
    ASSERT_OK(store_->CreateBase(base, ""));
    ASSERT_OK(store_->AddDocument(base, Rules()));
  }
  void Close() {
    store_.reset();
    store_options_.cipher.reset();
  }

  /// The database below, without any key: what a thief has.
  std::unique_ptr<Database> Raw() {
    StatusOr<std::unique_ptr<Database>> database = Database::Open({store_options_.path});
    EXPECT_OK(database);
    return *std::move(database);
  }
  store::v1::KnowledgeBaseRecord Record(const std::string& base) {
    store::v1::KnowledgeBaseRecord record;
    const auto value = Raw()->Get(Table::kMeta, retrieval::BaseKey(base));
    EXPECT_OK(value);
    EXPECT_TRUE(record.ParseFromString(*value));
    return record;
  }

  /// Whether any file of the folder holds the bytes.
  static bool OnDisk(const std::string& folder, std::string_view bytes) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const StatusOr<std::string> content = ReadFile(entry.path().string());
      EXPECT_OK(content);
      if (content->find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  void WaitForSegment() {
    const auto made = [this] {
      for (const auto& entry : fs::recursive_directory_iterator(store_options_.index_folder)) {
        if (entry.path().extension() == ".hseg") return true;
      }
      return false;
    };
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!made() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(20));
    ASSERT_TRUE(made());
  }

  std::string Found(const std::string& base) {
    const auto result = store_->Search(base, "检修", 1, retrieval::Everything());
    if (!result.ok()) return StatusMessage(result.status());
    return result->hits.empty() ? "" : result->hits[0].chunk.text;
  }

  std::unique_ptr<TempDir> folder_;
  EncryptionOptions encryption_;
  retrieval::KnowledgeStoreOptions store_options_;
  std::shared_ptr<retrieval::FakeEmbedder> embedder_ = std::make_shared<retrieval::FakeEmbedder>();
  std::shared_ptr<FakeClock> clock_ =
      std::make_shared<FakeClock>(absl::FromUnixSeconds(1'800'000'000));
  std::unique_ptr<KnowledgeStore> store_;
};

TEST_P(EncryptionTest, NothingThatADocumentSaysIsOnTheDisk) {
  const std::string vector =
      retrieval::EncodeVector(embedder_->Embed(retrieval::PassageText(kTitle, Rules().chunks[0])));
  for (const bool encrypted : {true, false}) {
    if (!encrypted) encryption_.algorithm.reset();
    const std::string base = encrypted ? "sealed" : "plain";
    store_options_.path = folder_->path() + "/" + base;
    store_options_.index_folder = store_options_.path + "-index";
    store_options_.index_seal_chunks = 1;
    OpenWithRules(base);
    WaitForSegment();
    EXPECT_EQ(store_->ListBases()[0].encryption,
              encrypted ? std::string(auth::AeadName(GetParam())) : "");
    for (int opened = 0; opened < 2; ++opened) {  // in the log; then in table files
      ASSERT_OK(Open());
      EXPECT_THAT(Found(base), ::testing::StartsWith(kText));
    }
    Close();
    EXPECT_EQ(OnDisk(store_options_.path, kText), !encrypted);
    EXPECT_EQ(OnDisk(store_options_.path, kTitle), !encrypted);
    EXPECT_EQ(OnDisk(store_options_.path, kFileName), !encrypted);
    EXPECT_EQ(OnDisk(store_options_.path, vector), !encrypted);
    EXPECT_EQ(OnDisk(store_options_.index_folder, vector), !encrypted);
  }
}

TEST_P(EncryptionTest, OldBasesStayReadableAndSayThatTheyAreNotEncrypted) {
  ASSERT_OK_AND_ASSIGN(store_, KnowledgeStore::Open(store_options_, embedder_, clock_));
  ASSERT_OK(store_->CreateBase("old", ""));
  ASSERT_OK(store_->AddDocument("old", Rules()));
  OpenWithRules("new");
  ASSERT_OK(Open());
  EXPECT_THAT(Found("old"), ::testing::StartsWith(kText));
  EXPECT_THAT(Found("new"), ::testing::StartsWith(kText));
  ASSERT_EQ(store_->ListBases().size(), 2u);
  EXPECT_EQ(store_->ListBases()[0].encryption, auth::AeadName(GetParam()));  // by id: "new"
  EXPECT_EQ(store_->ListBases()[1].encryption, "");
}

TEST_P(EncryptionTest, AValueOpensWhereItWasSealedAndNowhereElse) {
  OpenWithRules("a");
  ASSERT_OK(store_->CreateBase("b", ""));
  ASSERT_OK(store_->AddDocument("b", Rules()));
  const auto cipher = store_options_.cipher;
  store_.reset();
  const std::string here = retrieval::ChunkKey(0, 0);
  std::string sealed;
  {
    const auto raw = Raw();
    ASSERT_OK_AND_ASSIGN(sealed, raw->Get(Table::kChunks, here));
    // The database without keys makes new checksums, as an attacker would.
    Database::Batch batch;
    batch.Put(Table::kChunks, retrieval::ChunkKey(0, 1), sealed);
    batch.Put(Table::kChunks, retrieval::ChunkKey(1, 0), sealed);
    batch.Put(Table::kVectors, retrieval::VectorKey(0, 0), sealed);
    batch.Put(Table::kDocuments, retrieval::DocumentKey(0, "d1"), sealed);
    ASSERT_OK(raw->Commit(batch));
  }
  ASSERT_OK_AND_ASSIGN(const auto database, Database::Open({store_options_.path, 0, cipher}));
  EXPECT_OK(database->Get(Table::kChunks, here));
  EXPECT_STATUS(database->Get(Table::kChunks, retrieval::ChunkKey(0, 1)), kDataLoss, "tag");
  EXPECT_STATUS(database->Get(Table::kChunks, retrieval::ChunkKey(1, 0)), kDataLoss, "data key");
  EXPECT_STATUS(database->Get(Table::kVectors, retrieval::VectorKey(0, 0)), kDataLoss, "tag");
  EXPECT_STATUS(database->Get(Table::kDocuments, retrieval::DocumentKey(0, "d1")), kDataLoss,
                "tag");
  std::string opened;
  EXPECT_OK(cipher->Open(0, here, sealed, opened));
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(cipher->Open(0, here, changed, opened).ok()) << i;
  }
}

TEST_P(EncryptionTest, WithoutItsMasterKeyAStoreDoesNotOpenAndNoNewOneIsMade) {
  OpenWithRules();
  ASSERT_OK_AND_ASSIGN(const auto key, auth::OpenMasterKey(encryption_.master_key, ""));
  Close();
  EXPECT_STATUS(KnowledgeStore::Open(store_options_, embedder_, clock_), kFailedPrecondition,
                "given no keys");
  encryption_.master_key = KeyFile("another");
  EXPECT_STATUS(Open(), kFailedPrecondition, key->id());
  EXPECT_STATUS(Open(), kFailedPrecondition, "knowledge base 'kb'");
  encryption_.new_key_file = folder_->path() + "/absent.key";
  encryption_.master_key = "file:" + encryption_.new_key_file;
  EXPECT_STATUS(Open(), kFailedPrecondition, "none was found");
  EXPECT_FALSE(fs::exists(encryption_.new_key_file));
}

TEST_P(EncryptionTest, TheKeyFileIsMadeForTheFirstBaseOnly) {
  encryption_.new_key_file = folder_->path() + "/made.key";
  encryption_.master_key = "file:" + encryption_.new_key_file;
  ASSERT_OK(Open());
  EXPECT_FALSE(fs::exists(encryption_.new_key_file));
  ASSERT_OK(store_->CreateBase("kb", ""));
  struct stat st {};
  ASSERT_EQ(::stat(encryption_.new_key_file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  ASSERT_OK_AND_ASSIGN(const std::string made, ReadFile(encryption_.new_key_file));
  ASSERT_OK(store_->CreateBase("kb2", ""));
  ASSERT_OK(Open());
  ASSERT_OK(store_->CreateBase("kb3", ""));
  ASSERT_OK_AND_ASSIGN(const std::string kept, ReadFile(encryption_.new_key_file));
  EXPECT_EQ(kept, made);

  store_options_.path += "2";
  encryption_.new_key_file = folder_->path() + "/no/such/folder.key";
  encryption_.master_key = "file:" + encryption_.new_key_file;
  ASSERT_OK(Open());
  EXPECT_STATUS(store_->CreateBase("kb", ""), kNotFound, "/no/such/folder.key");
  EXPECT_TRUE(store_->ListBases().empty());
}

/// Ends the process with SIGKILL when the given number of keys was loaded.
class DyingCipher final : public retrieval::ValueCipher {
 public:
  DyingCipher(std::unique_ptr<ValueCipher> cipher, int keys)
      : cipher_(std::move(cipher)), keys_(keys) {}
  StatusOr<std::string> CreateKey(uint32_t base) override { return cipher_->CreateKey(base); }
  StatusOr<std::string> LoadKey(uint32_t base, const std::string& wrapped,
                                uint64_t sealed) override {
    if (keys_-- == 0) ::raise(SIGKILL);
    return cipher_->LoadKey(base, wrapped, sealed);
  }
  void DropKey(uint32_t base) override { cipher_->DropKey(base); }
  std::string Algorithm(uint32_t base) const override { return cipher_->Algorithm(base); }
  uint64_t SealedValues(uint32_t base) const override { return cipher_->SealedValues(base); }
  Status Seal(uint32_t base, std::string_view key, std::string_view value,
              std::string& out) override {
    return cipher_->Seal(base, key, value, out);
  }
  Status Open(uint32_t base, std::string_view key, std::string_view sealed,
              std::string& out) const override {
    return cipher_->Open(base, key, sealed, out);
  }

 private:
  const std::unique_ptr<ValueCipher> cipher_;
  int keys_;
};

constexpr char kFolderVariable[] = "HADAL_ROTATION_TEST_FOLDER";
constexpr char kKeysVariable[] = "HADAL_ROTATION_TEST_KEYS";

// The child's part of the next test, in a process of its own.
TEST(RotationTestChild, DISABLED_Opens) {
  const char* folder = std::getenv(kFolderVariable);
  const char* keys = std::getenv(kKeysVariable);
  if (folder == nullptr || keys == nullptr) GTEST_SKIP() << "for EncryptionTest only";
  EncryptionOptions encryption;
  encryption.master_key = fmt::format("file:{}/second.key", folder);
  encryption.former_master_keys = {fmt::format("file:{}/first.key", folder)};
  ASSERT_OK_AND_ASSIGN(auto cipher, KeyRingCipher::Create(encryption));
  retrieval::KnowledgeStoreOptions options;
  options.path = std::string(folder) + "/knowledge";
  options.min_free_bytes = 0;
  options.cipher = std::make_shared<DyingCipher>(std::move(cipher), std::atoi(keys));
  EXPECT_OK(KnowledgeStore::Open(options, std::make_shared<retrieval::FakeEmbedder>(),
                                 std::make_shared<SystemClock>()));
}

TEST_P(EncryptionTest, ARotationThatIsKilledGoesOnAndEndsWithTheNewKeyAlone) {
  OpenWithRules("a");
  for (const char* base : {"b", "c"}) {
    ASSERT_OK(store_->CreateBase(base, ""));
    ASSERT_OK(store_->AddDocument(base, Rules()));
  }
  Close();
  const std::string old_wrapped = Record("a").data_key();
  KeyFile("second");
  for (int keys = 0; keys < 3; ++keys) {  // killed before, between and after the first commits
    SubprocessOptions child;
    child.argv = {"/proc/self/exe", "--gtest_filter=RotationTestChild.*",
                  "--gtest_also_run_disabled_tests"};
    child.env = {fmt::format("{}={}", kFolderVariable, folder_->path()),
                 fmt::format("{}={}", kKeysVariable, keys)};
    ASSERT_OK_AND_ASSIGN(Subprocess process, Subprocess::Start(child));
    const std::optional<int> status = process.Wait();
    ASSERT_TRUE(status.has_value() && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL);
    EXPECT_EQ(Record("a").data_key() == old_wrapped, keys == 0);
  }
  EXPECT_STATUS(Open(), kFailedPrecondition, "knowledge base 'a'");  // the first key alone
  encryption_.master_key = KeyFile("second");
  EXPECT_STATUS(Open(), kFailedPrecondition, "knowledge base 'c'");  // not wrapped anew yet
  encryption_.former_master_keys = {KeyFile("first")};
  ASSERT_OK(Open());
  EXPECT_THAT(Found("c"), ::testing::StartsWith(kText));
  encryption_.former_master_keys.clear();
  ASSERT_OK(Open());
  for (const char* base : {"a", "b", "c"}) EXPECT_THAT(Found(base), ::testing::StartsWith(kText));
  Close();
  EXPECT_FALSE(OnDisk(store_options_.path, old_wrapped));
}

TEST_P(EncryptionTest, ADeletedBaseHasLostItsKeyForGood) {
  OpenWithRules();
  Close();
  const std::string wrapped = Record("kb").data_key();
  const std::string place = retrieval::ChunkKey(0, 0);
  ASSERT_OK_AND_ASSIGN(const std::string sealed, Raw()->Get(Table::kChunks, place));
  EXPECT_TRUE(OnDisk(store_options_.path, wrapped));
  const std::string backup = folder_->path() + "/backup";
  fs::copy(store_options_.path, backup, fs::copy_options::recursive);

  ASSERT_OK(Open());
  ASSERT_OK(store_->DeleteBase("kb"));
  std::string opened;
  EXPECT_STATUS(store_options_.cipher->Open(0, place, sealed, opened), kNotFound, "no key");
  ASSERT_OK(store_->CreateBase("kb", ""));  // the same name is another base
  ASSERT_OK(Open());
  EXPECT_EQ(Found("kb"), "");
  EXPECT_STATUS(store_options_.cipher->Open(0, place, sealed, opened), kNotFound, "no key");
  EXPECT_FALSE(store_options_.cipher->Open(1, place, sealed, opened).ok());
  Close();
  EXPECT_FALSE(OnDisk(store_options_.path, wrapped));

  // A whole backup holds the wrapped key as well. Its end is the end of the master key.
  store_options_.path = backup;
  ASSERT_OK(Open());
  EXPECT_THAT(Found("kb"), ::testing::StartsWith(kText));
  encryption_.master_key = KeyFile("second");
  EXPECT_STATUS(Open(), kFailedPrecondition, "not there");
}

TEST_P(EncryptionTest, ADeletionThatStoppedBehindTheKeyIsFinishedAtTheNextOpening) {
  OpenWithRules();
  Close();
  {
    store::v1::KnowledgeBaseRecord record = Record("kb");
    record.clear_data_key();
    record.set_erasing(true);
    const auto raw = Raw();
    Database::Batch batch;
    batch.Put(Table::kMeta, retrieval::BaseKey("kb"), record.SerializeAsString());
    ASSERT_OK(raw->Commit(batch));
  }
  ASSERT_OK(Open());
  EXPECT_TRUE(store_->ListBases().empty());
  Close();
  const auto raw = Raw();
  EXPECT_STATUS(raw->Get(Table::kMeta, retrieval::BaseKey("kb")), kNotFound, "");
  EXPECT_STATUS(raw->Get(Table::kChunks, retrieval::ChunkKey(0, 0)), kNotFound, "");
  EXPECT_STATUS(raw->Get(Table::kVectors, retrieval::VectorKey(0, 0)), kNotFound, "");
}

TEST_P(EncryptionTest, HowManyValuesAKeyHasSealedSurvivesARestart) {
  OpenWithRules();
  Close();
  const auto stored = [this] {
    return *retrieval::DecodeCounter(*Raw()->Get(Table::kMeta, retrieval::SealedValuesKey(0)));
  };
  EXPECT_EQ(stored(), 5u);  // a document, two chunks, two vectors
  ASSERT_OK(Open());
  EXPECT_EQ(store_options_.cipher->SealedValues(0), 5u);
  ASSERT_OK(store_->DeleteDocument("kb", "d1", retrieval::Everything()));
  Close();
  EXPECT_EQ(stored(), 6u);  // its tombstone
  {
    Database::Batch batch;
    batch.Put(Table::kMeta, retrieval::SealedValuesKey(0),
              retrieval::EncodeCounter(auth::kMaxSealedValues - 1));
    ASSERT_OK(Raw()->Commit(batch));
  }
  ASSERT_OK(Open());
  EXPECT_STATUS(store_->AddDocument("kb", Rules()), kResourceExhausted, "new knowledge base");
}

TEST_P(EncryptionTest, PendingDocumentsAreEmbeddedFromTheirSealedTexts) {
  store_options_.embed_first_chunks = 1;
  OpenWithRules();
  const absl::Time end = absl::Now() + absl::Seconds(30);
  const auto pending = [this] {
    return store_->GetDocument("kb", "d1", retrieval::Everything())->pending_chunks;
  };
  while (pending() > 0 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_EQ(pending(), 0);
  ASSERT_OK(Open());
  EXPECT_THAT(Found("kb"), ::testing::StartsWith(kText));
  EXPECT_EQ(store_->ListBases()[0].encryption, auth::AeadName(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Both, EncryptionTest,
                         ::testing::Values(auth::AeadAlgorithm::kAes256Gcm,
                                           auth::AeadAlgorithm::kSm4Gcm),
                         [](const auto& tested) {
                           return tested.param == auth::AeadAlgorithm::kAes256Gcm ? "Aes256Gcm"
                                                                                  : "Sm4Gcm";
                         });

}  // namespace
}  // namespace hadal::retrieval_service
