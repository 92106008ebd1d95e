// Counts, near duplicates and snapshots: who may, what is recorded, what is not believed.

#include "hadal/v1/knowledge.grpc.pb.h"
#include "tests/services/gateway/gateway_fixture.h"

namespace hadal::gateway {
namespace {

class KnowledgeApiTest : public testing::GatewayFixture {
 protected:
  std::unique_ptr<v1::Knowledge::Stub> Stub() const { return v1::Knowledge::NewStub(channel_); }

  grpc::Status Stats(const std::string& user, bool whole_base, v1::KnowledgeBaseStats& stats) {
    v1::GetStatsRequest request;
    request.set_id("kb1");
    request.set_whole_base(whole_base);
    stats.Clear();
    return Stub()->GetStats(As(user).get(), request, &stats);
  }
};

TEST_F(KnowledgeApiTest, TheWholeBaseIsCountedForWhoMayExportItOnly) {
  v1::KnowledgeBaseStats stats;
  for (const char* user : {"reader", "keeper", "root"}) {
    ASSERT_TRUE(Stats(user, false, stats).ok()) << user;
    EXPECT_FALSE(stats.has_index()) << user;  // the fake sends it to everyone
    EXPECT_EQ(retrieval_.last_stats().filter().clearance(),
              std::string(user) == "root"     ? v1::CLASSIFICATION_SECRET
              : std::string(user) == "keeper" ? v1::CLASSIFICATION_INTERNAL
                                              : v1::CLASSIFICATION_PUBLIC);
  }
  EXPECT_EQ(LastRecord().resource(), "kb1");
  EXPECT_EQ(LastRecord().answer_sha256().size(), 64u);
  for (const char* user : {"reader", "keeper", "auditor"}) {
    EXPECT_EQ(Stats(user, true, stats).error_code(), grpc::StatusCode::PERMISSION_DENIED) << user;
    EXPECT_EQ(LastRecord().outcome(), "refused");
  }
  ASSERT_TRUE(Stats("root", true, stats).ok());
  EXPECT_TRUE(stats.has_index());
}

TEST_F(KnowledgeApiTest, APairIsNamedToWhoMayReadBoth) {
  v1::ListNearDuplicatesRequest request;
  request.set_knowledge_base("kb1");
  v1::ListNearDuplicatesResponse response;
  ASSERT_TRUE(Stub()->ListNearDuplicates(As("reader").get(), request, &response).ok());
  ASSERT_EQ(response.duplicates_size(), 1);
  EXPECT_EQ(response.duplicates(0).document().id(), "copy");
  EXPECT_EQ(response.duplicates(0).like().id(), "open");
  EXPECT_EQ(LastRecord().outcome(), "ok");
  ASSERT_TRUE(Stub()->ListNearDuplicates(As("root").get(), request, &response).ok());
  EXPECT_EQ(response.duplicates_size(), 3);
  EXPECT_EQ(Stub()->ListNearDuplicates(As("auditor").get(), request, &response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(KnowledgeApiTest, SnapshotsAreForTheAdministrator) {
  v1::CreateSnapshotRequest request;
  request.set_name("monday");
  v1::CreateSnapshotResponse response;
  EXPECT_EQ(Stub()->CreateSnapshot(As("keeper").get(), request, &response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  ASSERT_TRUE(Stub()->CreateSnapshot(As("root").get(), request, &response).ok());
  EXPECT_EQ(response.folder(), "/snapshots/monday");
  EXPECT_EQ(LastRecord().resource(), "monday");
}

TEST_F(KnowledgeApiTest, TheRecordOfADeletionNamesItsReceipt) {
  v1::DeleteDocumentRequest request;
  request.set_knowledge_base("kb1");
  request.set_document_id("open");
  v1::DeleteDocumentResponse response;
  ASSERT_TRUE(Stub()->DeleteDocument(As("keeper").get(), request, &response).ok());
  EXPECT_EQ(LastRecord().attributes().at("receipt"), "4711");
}

}  // namespace
}  // namespace hadal::gateway
