#include "auth/audit_log.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "auth/audit/checkpoint.h"
#include "auth/audit/merkle.h"
#include "auth/crypto/digest.h"
#include "tests/auth/audit/log_fixture.h"

namespace hadal::auth {
namespace {

using AuditLogTest = LogFixture;

TEST_F(AuditLogTest, StartsEmptyAndVerifies) {
  const auto log = OpenLog();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(log->size(), 0u);
  ASSERT_OK_AND_ASSIGN(const auto result, log->Verify());
  EXPECT_EQ(result.root_hash, Sha256(""));
  EXPECT_THAT(result.problems, ::testing::IsEmpty());
  EXPECT_STATUS(log->Get(0), kNotFound, "no audit record 0");
}

TEST_F(AuditLogTest, KeepsRecordsInOrderAcrossReopening) {
  for (int round = 0; round < 3; ++round) {
    const auto log = OpenLog();
    ASSERT_NE(log, nullptr);
    ASSERT_EQ(log->size(), static_cast<uint64_t>(round * 5));
    for (int i = 0; i < 5; ++i) {
      ASSERT_OK_AND_ASSIGN(const auto position, log->Append(MakeRecord(round * 5 + i)));
      EXPECT_EQ(position.index, static_cast<uint64_t>(round * 5 + i));
    }
  }
  const auto log = OpenLog();
  for (int i = 0; i < 15; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(static_cast<uint64_t>(i)));
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(stored.record, MakeRecord(i)));
  }
  ExpectVerifies(15);
}

TEST_F(AuditLogTest, RollsSegmentsAndOpensWithManyOfThem) {
  options_.segment_bytes = 2000;
  AppendAndClose(0, 60);
  size_t segments = 0;
  for (const std::string& name : Files()) segments += name.starts_with("log-") ? 1 : 0;
  EXPECT_GT(segments, 5u);
  ExpectVerifies(60);
  const auto log = OpenLog();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(log->size(), 60u);
  for (int i = 0; i < 60; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(static_cast<uint64_t>(i)));
    EXPECT_EQ(stored.record.request_id(), fmt::format("request-{}", i));
  }
}

TEST_F(AuditLogTest, CheckpointIsANoteThatThePublicKeyVerifies) {
  const auto log = OpenLog();
  ASSERT_OK(log->Append(MakeRecord(1)));
  EXPECT_EQ(Read("checkpoint"), log->Checkpoint());
  ASSERT_OK_AND_ASSIGN(const CheckpointKey key, CheckpointKey::FromText(Read("public.key")));
  ASSERT_OK_AND_ASSIGN(const SignedHead head, ParseCheckpoint(key, log->Checkpoint()));
  EXPECT_EQ(head.size, 1u);
  ASSERT_OK_AND_ASSIGN(const InclusionProof proof, log->ProveInclusion(0));
  EXPECT_EQ(AsBytes(head.root), proof.root_hash);
}

TEST_F(AuditLogTest, ManyThreadsShareCommitsAndEachGetsItsOwnPosition) {
  options_.segment_bytes = 4096;  // many segments
  const auto log = OpenLog();
  ASSERT_NE(log, nullptr);
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  std::vector<std::vector<AuditPosition>> positions(kThreads);
  std::atomic<bool> stop{false};
  std::thread verifier([&] {
    while (!stop) {
      const auto result = log->Verify();
      ASSERT_OK(result);
      EXPECT_THAT(result->problems, ::testing::IsEmpty());
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        auto position = log->Append(MakeRecord(t * 1000 + i));
        ASSERT_OK(position);
        positions[t].push_back(*position);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  verifier.join();
  std::set<uint64_t> indexes;
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) {
      const AuditPosition& position = positions[t][i];
      indexes.insert(position.index);
      ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(position.index));
      EXPECT_EQ(stored.record.request_id(), fmt::format("request-{}", t * 1000 + i));
      EXPECT_EQ(stored.position.leaf_hash, position.leaf_hash);
    }
  }
  EXPECT_EQ(indexes.size(), static_cast<size_t>(kThreads * kEach));
  EXPECT_EQ(log->size(), static_cast<uint64_t>(kThreads * kEach));
  ASSERT_OK_AND_ASSIGN(const auto result, log->Verify());
  EXPECT_THAT(result.problems, ::testing::IsEmpty());
}

TEST_F(AuditLogTest, ProvesInclusionAndConsistencyAtEverySize) {
  const auto log = OpenLog();
  std::vector<std::string> roots = {Sha256("")};
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(log->Append(MakeRecord(i)));
    ASSERT_OK_AND_ASSIGN(const auto last, log->ProveInclusion(static_cast<uint64_t>(i)));
    roots.push_back(last.root_hash);
    for (int k = 0; k <= i; ++k) {
      ASSERT_OK_AND_ASSIGN(const auto proof, log->ProveInclusion(static_cast<uint64_t>(k)));
      EXPECT_TRUE(VerifyInclusion(static_cast<uint64_t>(k), proof.tree_size, proof.leaf_hash,
                                  proof.root_hash, proof.path));
      ASSERT_OK_AND_ASSIGN(const auto growth,
                           log->ProveConsistency(static_cast<uint64_t>(k + 1)));
      EXPECT_EQ(growth.first_root, roots[static_cast<size_t>(k + 1)]);
      EXPECT_TRUE(VerifyConsistency(growth.first_size, growth.second_size, growth.first_root,
                                    growth.second_root, growth.path));
    }
  }
  EXPECT_STATUS(log->ProveInclusion(40), kNotFound, "40");
  EXPECT_STATUS(log->ProveConsistency(0), kInvalidArgument, "tree size");
}

TEST_F(AuditLogTest, RecordsTextThatIsNotUtf8) {
  const auto log = OpenLog();
  store::v1::AuditRecord record = MakeRecord(1);
  record.set_peer("bad \xff byte");
  (*record.mutable_attributes())["agent"] = "\xc3(";
  record.add_chunks()->set_document_id("\xe4\xb8");
  ASSERT_OK(log->Append(record));
  ASSERT_OK_AND_ASSIGN(const auto stored, log->Get(0));
  EXPECT_EQ(stored.record.peer(), "bad \xef\xbf\xbd byte");
  EXPECT_EQ(stored.record.attributes().at("agent"), "\xef\xbf\xbd(");
  EXPECT_EQ(stored.record.attributes().at("top_p"), "1");
  EXPECT_EQ(stored.record.chunks(0).document_id(), "\xef\xbf\xbd");
}

TEST_F(AuditLogTest, RefusesOversizedRecordsAndSecondOpener) {
  options_.max_record_bytes = 1000;
  const auto log = OpenLog();
  store::v1::AuditRecord record = MakeRecord(1);
  record.set_reason(std::string(2000, 'x'));
  EXPECT_STATUS(log->Append(record), kInvalidArgument, "the limit is 1000");
  EXPECT_STATUS(AuditLog::Open(options_), kFailedPrecondition, "in use");
  ASSERT_OK(log->Append(MakeRecord(2)));
  EXPECT_EQ(log->size(), 1u);
}

TEST_F(AuditLogTest, RefusesBelowTheFreeSpaceWatermarkAndWhenDeleted) {
  options_.min_free_bytes = int64_t{1} << 60;
  {
    const auto log = OpenLog();
    EXPECT_STATUS(log->Append(MakeRecord(1)), kResourceExhausted, "free some space");
    EXPECT_EQ(log->size(), 0u);
  }
  options_.min_free_bytes = 0;
  const auto log = OpenLog();
  ASSERT_OK(log->Append(MakeRecord(1)));
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder)) {
    if (entry.path().filename().string().starts_with("log-")) {
      std::filesystem::remove(entry.path());
    }
  }
  EXPECT_STATUS(log->Append(MakeRecord(2)), kUnavailable, "was deleted");
}

}  // namespace
}  // namespace hadal::auth
