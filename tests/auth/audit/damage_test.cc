#include <gtest/gtest.h>

#include <filesystem>

#include "auth/audit/frame.h"
#include "auth/audit/log_files.h"
#include "tests/auth/audit/log_fixture.h"

namespace hadal::auth {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

class AuditDamageTest : public LogFixture {
 protected:
  static constexpr int kRecords = 12;

  void SetUp() override {
    LogFixture::SetUp();
    options_.segment_bytes = 1500;  // two or three segments
    AppendAndClose(0, kRecords);
    ExpectVerifies(kRecords);
  }
  bool IsDerived(const std::string& name) const { return name == "hashes" || name == "offsets"; }
  std::string LastSegment() const {
    std::string last;
    for (const std::string& name : Files()) {
      if (name.starts_with("log-")) last = std::max(last, name);
    }
    return last;
  }
  /// After damage to a derived file: repaired, nothing lost.
  void ExpectOpensWhole() {
    {
      const auto log = OpenLog();
      ASSERT_NE(log, nullptr);
      ASSERT_EQ(log->size(), static_cast<uint64_t>(kRecords));
    }
    ExpectVerifies(kRecords);
  }
};

// There is no byte that nothing depends on.
TEST_F(AuditDamageTest, EveryFlippedBitIsFoundByVerification) {
  size_t flips = 0;
  for (const std::string& name : Files()) {
    const std::string good = Read(name);
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      Write(name, bad);
      EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty())) << name << " byte " << i;
      ++flips;
    }
    Write(name, good);
  }
  EXPECT_GT(flips, 3000u);
  ExpectVerifies(kRecords);
}

TEST_F(AuditDamageTest, EveryFlippedByteOfTheActiveSegmentStopsTheLogFromOpening) {
  for (const std::string& name : {LastSegment(), std::string("checkpoint")}) {
    const std::string good = Read(name);
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      Write(name, bad);
      EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "backup");
      ASSERT_EQ(Read(name), bad) << "a refused log is left as it is";
    }
    Write(name, good);
  }
  ExpectOpensWhole();
}

TEST_F(AuditDamageTest, DerivedFilesAreRebuiltFromTheLog) {
  for (const char* name : {"hashes", "offsets"}) {
    const std::string good = Read(name);
    for (size_t i = 0; i < good.size(); i += 29) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      Write(name, bad);
      if (VerifyFolder().problems.empty()) ADD_FAILURE() << name << " " << i;
      // Entries of closed segments that no later tree depends on are not read when a log opens.
      ASSERT_NE(OpenLog(), nullptr);
      Write(name, good);
    }
    for (const size_t size : {size_t{0}, good.size() / 2, good.size() - 1}) {
      Write(name, good.substr(0, size));
      EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty()));
      ExpectOpensWhole();
    }
    std::filesystem::remove(Path(name));
    EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty()));
    ExpectOpensWhole();
    EXPECT_EQ(Read(name), good);
  }
}

TEST_F(AuditDamageTest, EveryTruncationOfAcknowledgedRecordsIsRefused) {
  const std::string name = LastSegment();
  const std::string good = Read(name);
  for (size_t size = 0; size < good.size(); ++size) {
    Write(name, good.substr(0, size));
    EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty())) << size;
    EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "backup");
  }
  Write(name, good);
  std::filesystem::rename(Path(Segment()), temp_->path() + "/away");
  EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty()));
  EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "log-00000000000000000000 is missing");
}

TEST_F(AuditDamageTest, ATailThatWasNeverAcknowledgedIsCut) {
  const std::string name = LastSegment();
  const std::string good = Read(name);
  std::string record_frame;
  AppendFrame(FrameKind::kRecord, MakeRecord(99).SerializeAsString(), record_frame);
  std::vector<std::string> tails = {std::string(100, '\0'), "garbage", record_frame,
                                    record_frame + record_frame.substr(0, 20)};
  for (size_t size = 1; size < record_frame.size(); size += 11) {
    tails.push_back(record_frame.substr(0, size));
  }
  for (const std::string& tail : tails) {
    Write(name, good + tail);
    const AuditVerification result = VerifyFolder();
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_THAT(result.notes, Not(IsEmpty()));
    ExpectOpensWhole();
    EXPECT_EQ(Read(name), good);
  }
}

// An unsigned commit cannot come from a crash: somebody without the key wrote to the log.
TEST_F(AuditDamageTest, RecordsCommittedWithoutTheKeyAreRefused) {
  const std::string name = LastSegment();
  ASSERT_OK_AND_ASSIGN(const CheckpointKey key, CheckpointKey::FromText(Read("public.key")));
  const std::string good = Read(name);
  TreeFrontier tree;
  for (uint64_t first = 0; first < kRecords;) {  // the tree of all segments
    ASSERT_OK(ScanSegment(Path(Segment(first)), key.name, tree, {}));
    if (Segment(first) == name) break;
    first = tree.size();
  }
  const std::string forged = MakeRecord(99).SerializeAsString();
  std::vector<TreeHash> stored;
  tree.Append(LeafHash(forged), stored);
  std::string frames;
  AppendFrame(FrameKind::kRecord, forged, frames);
  AppendFrame(FrameKind::kCommit,
              EncodeCommit({tree.size(), tree.Root(), std::string(64, '\1')}), frames);
  Write(name, good + frames);
  EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty()));
  EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "not signed");
}

TEST_F(AuditDamageTest, ARolledBackLogIsRefusedByItsCheckpoint) {
  const std::string copy = temp_->path() + "/older";
  std::filesystem::copy(options_.folder, copy);
  AppendAndClose(kRecords, 1);
  std::filesystem::copy_file(Path("checkpoint"), copy + "/checkpoint",
                             std::filesystem::copy_options::overwrite_existing);
  options_.folder = copy;
  EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty()));
  EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "acknowledged");
}

// The process ended between the log's fdatasync and the checkpoint's.
TEST_F(AuditDamageTest, ACommitBeyondTheCheckpointIsKept) {
  const std::string older = Read("checkpoint");
  AppendAndClose(kRecords, 1);
  Write("checkpoint", older);
  EXPECT_THAT(VerifyFolder().problems, IsEmpty());
  EXPECT_EQ(OpenLog()->size(), static_cast<uint64_t>(kRecords + 1));
  ExpectVerifies(kRecords + 1);
}

TEST_F(AuditDamageTest, MissingFilesAreRefusedNotReplaced) {
  for (const char* name : {"checkpoint", "public.key", "signing.key"}) {
    const std::string away = temp_->path() + "/away";
    std::filesystem::rename(Path(name), away);
    EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "backup");
    EXPECT_FALSE(std::filesystem::exists(Path(name))) << name;
    std::filesystem::rename(away, Path(name));
  }
  ExpectOpensWhole();
}

TEST_F(AuditDamageTest, AnotherLogsFilesAndKeysAreRefused) {
  const std::string ours = options_.folder;
  const std::string trusted = Read("public.key");
  options_.folder = temp_->path() + "/other";
  AppendAndClose(0, kRecords);
  const auto replaced = VerifyAuditFolder(options_.folder, trusted);
  ASSERT_OK(replaced);
  EXPECT_THAT(replaced->problems, Not(IsEmpty()));
  for (const char* name : {"checkpoint", "signing.key", "public.key"}) {
    const std::string own = Read(name);
    Write(name, ReadFile(ours + "/" + name).value());
    EXPECT_THAT(VerifyFolder().problems, Not(IsEmpty())) << name;
    EXPECT_STATUS(AuditLog::Open(options_), kDataLoss, "backup");
    Write(name, own);
  }
  ExpectOpensWhole();
}

// A new log interrupted before its last file was written is begun again.
TEST_F(AuditDamageTest, AnInterruptedCreationIsCompleted) {
  options_.folder = temp_->path() + "/new";
  OpenLog();
  const std::vector<std::string> order = {"signing.key", "public.key", Segment(), "checkpoint"};
  for (size_t made = 0; made < order.size(); ++made) {
    const std::string name = Read("public.key");
    for (size_t i = made; i < order.size(); ++i) std::filesystem::remove(Path(order[i]));
    AppendAndClose(0, 1);
    // Else a second interruption would leave a segment of another name than the key's.
    EXPECT_EQ(Read("public.key") == name, made >= 2);
    ExpectVerifies(1);
    std::filesystem::remove_all(options_.folder);
    OpenLog();
  }
}

}  // namespace
}  // namespace hadal::auth
