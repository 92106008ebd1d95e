#include "services/retrieval/service.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <map>

#include "retrieval/chunk/estimated_tokens.h"
#include "tests/retrieval/support/store_fixture.h"
#include "tests/services/retrieval/fake_parser.h"

namespace hadal::retrieval_service {
namespace {

using ::testing::HasSubstr;

class ServiceTest : public retrieval::StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    IngestOptions options;
    options.max_document_bytes = 1000;
    ASSERT_OK_AND_ASSIGN(std::shared_ptr<const retrieval::TextFolder> folder,
                         retrieval::TextFolder::Create());
    service_ = std::make_unique<RetrievalService>(
        std::make_shared<const Ingest>(options, std::make_shared<FakeParser>(), std::move(folder)),
        1500, folder_->path() + "/snapshots");
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = internal::v1::Retrieval::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
    service_->Serve(std::shared_ptr<retrieval::KnowledgeStore>(std::move(store_)),
                    std::make_shared<retrieval::EstimatedTokens>());
  }
  void TearDown() override { server_->Shutdown(); }

  /// With the true size in the header, but for `missing` bytes.
  grpc::Status Add(std::vector<v1::AddDocumentRequest> messages, v1::AddDocumentResponse& response,
                   int64_t missing = 0) {
    int64_t size_bytes = missing;
    for (const auto& message : messages) size_bytes += static_cast<int64_t>(message.data().size());
    if (!messages.empty() && messages[0].has_header()) {
      messages[0].mutable_header()->set_size_bytes(size_bytes);
    }
    grpc::ClientContext context;
    auto writer = stub_->AddDocument(&context, &response);
    for (const v1::AddDocumentRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  static v1::AddDocumentRequest Header(const std::string& id,
                                       v1::Classification level = v1::CLASSIFICATION_PUBLIC) {
    v1::AddDocumentRequest message;
    message.mutable_header()->set_knowledge_base("kb");
    message.mutable_header()->set_document_id(id);
    message.mutable_header()->mutable_label()->set_classification(level);
    return message;
  }
  static v1::AddDocumentRequest Data(const std::string& bytes) {
    v1::AddDocumentRequest message;
    message.set_data(bytes);
    return message;
  }

  internal::v1::SearchResponse Search(const std::string& query, v1::Classification clearance) {
    internal::v1::SearchRequest request;
    request.set_knowledge_base("kb");
    request.set_query(query);
    request.mutable_filter()->set_clearance(clearance);
    grpc::ClientContext context;
    internal::v1::SearchResponse response;
    EXPECT_TRUE(stub_->Search(&context, request, &response).ok());
    return response;
  }

  std::unique_ptr<RetrievalService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<internal::v1::Retrieval::Stub> stub_;
};

TEST_F(ServiceTest, AddsSearchesListsAndDeletes) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("d"), Data("检修周期"), Data("为六年\n")}, added).ok());
  EXPECT_TRUE(added.accepted()) << added.reason();

  const internal::v1::SearchResponse found = Search("检修周期", v1::CLASSIFICATION_PUBLIC);
  ASSERT_EQ(found.hits_size(), 1);
  const internal::v1::Hit& hit = found.hits(0);
  EXPECT_EQ(hit.chunk().text(), "检修周期为六年");
  EXPECT_EQ(hit.chunk().document_id(), "d");
  EXPECT_EQ(hit.chunk().chunk_id(), "d#1.0");
  EXPECT_EQ(hit.label().classification(), v1::CLASSIFICATION_PUBLIC);
  EXPECT_EQ(hit.text_sha256().size(), 64u);
  EXPECT_FLOAT_EQ(hit.lexical_coverage(), 1.0f);
  EXPECT_TRUE(found.complete());
  EXPECT_EQ(found.chunks_allowed(), 1);
  EXPECT_EQ(found.chunks_pending(), 0);

  internal::v1::ListDocumentsRequest list;
  list.mutable_request()->set_knowledge_base("kb");
  list.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::ListDocumentsResponse listed;
  grpc::ClientContext list_context;
  ASSERT_TRUE(stub_->ListDocuments(&list_context, list, &listed).ok());
  ASSERT_EQ(listed.documents_size(), 1);
  EXPECT_EQ(listed.documents(0).id(), "d");

  internal::v1::DeleteDocumentRequest remove;
  remove.set_knowledge_base("kb");
  remove.set_document_id("d");
  remove.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::DeleteDocumentResponse removed;
  grpc::ClientContext remove_context;
  ASSERT_TRUE(stub_->DeleteDocument(&remove_context, remove, &removed).ok());
  EXPECT_EQ(removed.chunks_removed(), 1);
  EXPECT_EQ(Search("检修周期", v1::CLASSIFICATION_SECRET).hits_size(), 0);
}

TEST_F(ServiceTest, VersionsReceiptsAndReadingAgain) {
  v1::AddDocumentResponse added;
  v1::UpdateKnowledgeBaseRequest update;
  update.set_id("kb");
  update.set_keep_versions(3);
  v1::KnowledgeBase base;
  grpc::ClientContext update_context;
  ASSERT_TRUE(stub_->UpdateKnowledgeBase(&update_context, update, &base).ok());
  EXPECT_EQ(base.keep_versions(), 3);
  ASSERT_TRUE(Add({Header("d"), Data("第一版内容")}, added).ok());
  ASSERT_TRUE(Add({Header("d"), Data("第二版内容")}, added).ok());
  EXPECT_EQ(added.version(), 2);

  const auto versions = [this] {
    internal::v1::ListVersionsRequest list;
    list.mutable_request()->set_knowledge_base("kb");
    list.mutable_request()->set_document_id("d");
    list.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
    v1::ListVersionsResponse listed;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->ListVersions(&context, list, &listed).ok());
    return listed;
  };
  ASSERT_EQ(versions().versions_size(), 2);
  EXPECT_EQ(versions().versions(0).version(), 2);
  EXPECT_TRUE(versions().versions(0).in_force());
  EXPECT_EQ(versions().versions(1).superseded_by(), 2);

  internal::v1::ReparseDocumentRequest reparse;
  reparse.mutable_request()->set_knowledge_base("kb");
  reparse.mutable_request()->set_document_id("d");
  reparse.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::ReparseDocumentResponse reparsed;
  grpc::ClientContext reparse_context;
  ASSERT_TRUE(stub_->ReparseDocument(&reparse_context, reparse, &reparsed).ok());
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (versions().versions(0).has_upload() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  EXPECT_EQ(versions().versions_size(), 2);  // the same reading, the same version

  internal::v1::DeleteDocumentRequest remove;
  remove.set_knowledge_base("kb");
  remove.set_document_id("d");
  remove.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::DeleteDocumentResponse removed;
  grpc::ClientContext remove_context;
  ASSERT_TRUE(stub_->DeleteDocument(&remove_context, remove, &removed).ok());
  EXPECT_EQ(removed.receipt().versions_size(), 2);
  EXPECT_EQ(removed.receipt().file_sha256_size(), 2);
  for (const bool purged : {false, true}) {
    v1::PurgeDeletedResponse purge;
    grpc::ClientContext purge_context;
    if (purged) {
      ASSERT_TRUE(stub_->PurgeDeleted(&purge_context, {}, &purge).ok());
    }
    v1::VerifyDeletedRequest verify;
    verify.set_sequence(removed.receipt().sequence());
    verify.set_text("第一版内容");
    v1::VerifyDeletedResponse verified;
    grpc::ClientContext verify_context;
    ASSERT_TRUE(stub_->VerifyDeleted(&verify_context, verify, &verified).ok());
    EXPECT_EQ(verified.gone(), purged);
    EXPECT_EQ(verified.receipt().document_id(), "d");
  }
}

TEST_F(ServiceTest, ExportsImportsAndTakesSnapshots) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("d"), Data("检修周期为六年")}, added).ok());
  v1::ExportKnowledgeBaseRequest request;
  request.set_id("kb");
  grpc::ClientContext export_context;
  const auto reader = stub_->ExportKnowledgeBase(&export_context, request);
  v1::ExportKnowledgeBaseResponse part;
  std::string bytes;
  while (reader->Read(&part)) bytes += part.data();
  ASSERT_TRUE(reader->Finish().ok());

  const auto import = [this](const std::string& content) {
    grpc::ClientContext context;
    v1::KnowledgeBase base;
    const auto writer = stub_->ImportKnowledgeBase(&context, &base);
    v1::ImportKnowledgeBaseRequest message;
    message.set_id("copy");
    writer->Write(message);
    message.set_data(content);
    writer->Write(message);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    EXPECT_EQ(base.documents(), status.ok() ? 1 : 0);
    return status;
  };
  EXPECT_EQ(import(bytes.substr(0, bytes.size() / 2)).error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_TRUE(import(bytes).ok());

  for (const auto& [name, code] : std::map<std::string, grpc::StatusCode>{
           {"../x", grpc::StatusCode::INVALID_ARGUMENT}, {"monday", grpc::StatusCode::OK}}) {
    v1::CreateSnapshotRequest snapshot;
    snapshot.set_name(name);
    v1::CreateSnapshotResponse made;
    grpc::ClientContext context;
    EXPECT_EQ(stub_->Snapshot(&context, snapshot, &made).error_code(), code);
    EXPECT_EQ(made.folder().empty(), code != grpc::StatusCode::OK);
  }
}

TEST_F(ServiceTest, CountsForTheReaderAndForTheWholeBase) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("open"), Data("检修周期为六年")}, added).ok());
  ASSERT_TRUE(Add({Header("closed", v1::CLASSIFICATION_SECRET), Data("密码")}, added).ok());
  ASSERT_TRUE(Add({Header("locked"), Data("!reject")}, added).ok());
  internal::v1::GetStatsRequest request;
  request.mutable_request()->set_id("kb");
  request.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  const auto stats = [&] {
    grpc::ClientContext context;
    v1::KnowledgeBaseStats response;
    EXPECT_TRUE(stub_->GetStats(&context, request, &response).ok());
    return response;
  };
  const v1::KnowledgeBaseStats open = stats();
  EXPECT_FALSE(open.whole_base());
  EXPECT_EQ(open.documents(), 1);
  EXPECT_FALSE(open.has_index());
  ASSERT_EQ(open.by_state_size(), 2);
  EXPECT_EQ(open.by_state(0).state(), v1::DOCUMENT_STATE_VISIBLE);
  EXPECT_EQ(open.by_state(1).state(), v1::DOCUMENT_STATE_FAILED);
  request.mutable_request()->set_whole_base(true);
  const v1::KnowledgeBaseStats all = stats();
  EXPECT_EQ(all.documents(), 2);
  EXPECT_EQ(all.index().live_chunks(), 2);
  ASSERT_EQ(all.by_classification_size(), 2);
  EXPECT_EQ(all.by_classification(1).classification(), v1::CLASSIFICATION_SECRET);

  internal::v1::ListDocumentsRequest list;
  list.mutable_request()->set_knowledge_base("kb");
  list.mutable_request()->set_state(v1::DOCUMENT_STATE_FAILED);
  list.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::ListDocumentsResponse listed;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ListDocuments(&context, list, &listed).ok());
  ASSERT_EQ(listed.documents_size(), 1);
  EXPECT_EQ(listed.documents(0).upload().reason_code(), "password_protected");
  EXPECT_GT(listed.documents(0).upload().changed_unix_ms(), 0);
}

TEST_F(ServiceTest, NamesNearDuplicates) {
  std::string text;
  for (int i = 0; text.size() < 900; ++i) text += "第" + std::to_string(i) + "条。";
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("a"), Data(text)}, added).ok());
  ASSERT_TRUE(Add({Header("b"), Data(text + "另有一条。")}, added).ok());
  internal::v1::ListNearDuplicatesRequest request;
  request.mutable_request()->set_knowledge_base("kb");
  request.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::ListNearDuplicatesResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ListNearDuplicates(&context, request, &response).ok());
  ASSERT_EQ(response.duplicates_size(), 1);
  EXPECT_EQ(response.duplicates(0).document().id(), "b");
  EXPECT_EQ(response.duplicates(0).like().id(), "a");
  request.mutable_request()->set_max_results(1001);
  grpc::ClientContext bad;
  EXPECT_EQ(stub_->ListNearDuplicates(&bad, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, FieldsAreGivenAsTheyAreRead) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("d"), Data("云数发〔2025〕27号\n检修周期为六年\n")}, added).ok());
  ASSERT_TRUE(Add({Header("e"), Data("云数发〔2025〕28号\n检修周期为七年\n")}, added).ok());
  internal::v1::SearchRequest search;
  search.set_knowledge_base("kb");
  search.set_query("检修周期");
  search.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::FieldMatch& field = *search.add_fields();
  field.set_name("document_number");
  for (const char* number : {"云数发【2025】27號", "云数发[2025]27号", "云数发 〔2025〕 027 号"}) {
    field.set_value(number);
    grpc::ClientContext context;
    internal::v1::SearchResponse found;
    ASSERT_TRUE(stub_->Search(&context, search, &found).ok()) << number;
    ASSERT_GE(found.hits_size(), 1) << number;
    for (const internal::v1::Hit& hit : found.hits()) EXPECT_EQ(hit.chunk().document_id(), "d");
  }
  field.set_name("colour");
  grpc::ClientContext context;
  internal::v1::SearchResponse found;
  EXPECT_EQ(stub_->Search(&context, search, &found).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

class PendingServiceTest : public ServiceTest {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = 0;
    embedder_->allow_background(0);
    ServiceTest::SetUp();
  }
};

TEST_F(PendingServiceTest, SaysWhatHasNoVectorYet) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("d"), Data("检修周期为六年")}, added).ok());
  EXPECT_TRUE(added.accepted()) << added.reason();
  EXPECT_EQ(added.chunks_pending(), 1);
  const internal::v1::SearchResponse found = Search("检修周期", v1::CLASSIFICATION_PUBLIC);
  ASSERT_EQ(found.hits_size(), 1);
  EXPECT_TRUE(found.complete());
  EXPECT_EQ(found.chunks_pending(), 1);

  internal::v1::ListDocumentsRequest list;
  list.mutable_request()->set_knowledge_base("kb");
  list.mutable_filter()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::ListDocumentsResponse listed;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ListDocuments(&context, list, &listed).ok());
  ASSERT_EQ(listed.documents_size(), 1);
  EXPECT_EQ(listed.documents(0).chunks_pending(), 1);
}

TEST_F(ServiceTest, AnAbsentOrUnknownFilterOpensNothing) {
  v1::AddDocumentResponse added;
  ASSERT_TRUE(Add({Header("d"), Data("检修周期")}, added).ok());
  EXPECT_EQ(Search("检修周期", v1::CLASSIFICATION_UNSPECIFIED).hits_size(), 0);
  EXPECT_EQ(Search("检修周期", static_cast<v1::Classification>(77)).hits_size(), 0);
  internal::v1::SearchRequest request;
  request.set_knowledge_base("kb");
  request.set_query("检修周期");
  grpc::ClientContext context;
  internal::v1::SearchResponse response;
  ASSERT_TRUE(stub_->Search(&context, request, &response).ok());
  EXPECT_EQ(response.hits_size(), 0);
  EXPECT_EQ(response.chunks_allowed(), 0);
}

TEST_F(ServiceTest, UploadsAreCheckedBeforeTheyAreBelieved) {
  v1::AddDocumentResponse response;
  EXPECT_EQ(Add({Data("x")}, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Add({}, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Add({Header("d"), Header("d")}, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Add({Header("d", v1::CLASSIFICATION_UNSPECIFIED), Data("x")}, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::AddDocumentRequest elsewhere = Header("d");
  elsewhere.mutable_header()->set_knowledge_base("none");
  EXPECT_EQ(Add({elsewhere, Data("x")}, response).error_code(), grpc::StatusCode::NOT_FOUND);

  EXPECT_EQ(Add({Header("d"), Data("half")}, response, 4).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  const std::string big(600, 'x');
  ASSERT_TRUE(Add({Header("d"), Data(big), Data(big)}, response).ok());
  EXPECT_FALSE(response.accepted());
  EXPECT_EQ(response.reason_code(), "too_large");
  EXPECT_EQ(Search("x", v1::CLASSIFICATION_SECRET).hits_size(), 0);
}

TEST_F(ServiceTest, BasesAndBounds) {
  v1::CreateKnowledgeBaseRequest create;
  create.set_id("second");
  v1::KnowledgeBase base;
  grpc::ClientContext create_context;
  ASSERT_TRUE(stub_->CreateKnowledgeBase(&create_context, create, &base).ok());
  EXPECT_EQ(base.id(), "second");
  v1::ListKnowledgeBasesResponse bases;
  grpc::ClientContext list_context;
  ASSERT_TRUE(stub_->ListKnowledgeBases(&list_context, {}, &bases).ok());
  EXPECT_EQ(bases.knowledge_bases_size(), 2);
  v1::DeleteKnowledgeBaseRequest remove;
  remove.set_id("second");
  v1::DeleteKnowledgeBaseResponse removed;
  grpc::ClientContext delete_context;
  EXPECT_TRUE(stub_->DeleteKnowledgeBase(&delete_context, remove, &removed).ok());

  internal::v1::SearchRequest request;
  request.set_knowledge_base("kb");
  request.set_query("x");
  request.set_top_k(101);
  grpc::ClientContext context;
  internal::v1::SearchResponse response;
  EXPECT_EQ(stub_->Search(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, WithoutAStoreItSaysWhatItWaitsFor) {
  service_->Stop();
  grpc::ClientContext context;
  v1::ListKnowledgeBasesResponse bases;
  const grpc::Status status = stub_->ListKnowledgeBases(&context, {}, &bases);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("inference service"));
}

}  // namespace
}  // namespace hadal::retrieval_service
