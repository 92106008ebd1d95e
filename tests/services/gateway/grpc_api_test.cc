#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include "hadal/v1/admin.grpc.pb.h"
#include "hadal/v1/assistant.grpc.pb.h"
#include "hadal/v1/audit.grpc.pb.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "hadal/v1/models.grpc.pb.h"
#include "tests/services/gateway/gateway_fixture.h"

namespace hadal::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GrpcApiTest : public testing::GatewayFixture {
 protected:
  struct Asked {
    grpc::Status status;
    std::vector<v1::AskEvent> events;
    const v1::AskResult& result() const { return events.back().result(); }
  };
  Asked Ask(const std::string& user, const v1::AskRequest& request) {
    Asked asked;
    const auto context = As(user);
    const auto stream = v1::Assistant::NewStub(channel_)->Ask(context.get(), request);
    v1::AskEvent event;
    while (stream->Read(&event)) asked.events.push_back(event);
    asked.status = stream->Finish();
    return asked;
  }
  static v1::AskRequest Question(const std::string& text) {
    v1::AskRequest request;
    request.set_question(text);
    request.set_knowledge_base("kb1");
    return request;
  }
  // Sends raw bytes as the request message of any method.
  grpc::Status RawCall(const std::string& method, const std::string& key,
                       const std::string& message) {
    grpc::GenericStub stub(channel_);
    const auto context = WithKey(key);
    grpc::CompletionQueue queue;
    grpc::Slice slice(message);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto call = stub.PrepareUnaryCall(context.get(), method, request, &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }
};

constexpr char kQuestion[] = "How often must transformer T7 be inspected?";

TEST_F(GrpcApiTest, AskAnswersFromWhatTheCallerMayRead) {
  inference_.deltas = {"Transformer T7 must be inspected ", "every 42 days [1]."};
  const Asked asked = Ask("reader", Question(kQuestion));
  ASSERT_TRUE(asked.status.ok()) << asked.status.error_message();
  ASSERT_GE(asked.events.size(), 3u);
  EXPECT_TRUE(asked.events.front().has_retrieved());
  const v1::AskResult& result = asked.result();
  EXPECT_THAT(result.answer(), HasSubstr("42 days"));
  EXPECT_FALSE(result.refused());
  ASSERT_EQ(result.citations_size(), 1);
  EXPECT_EQ(result.citations(0).document_id(), "open");
  EXPECT_EQ(result.model(), "tiny-chat");
  // The retriever offered the secret chunk first; nobody saw it, the model included.
  for (const v1::AskEvent& event : asked.events) {
    EXPECT_THAT(event.ShortDebugString(), Not(HasSubstr("9876")));
  }
  const auto generated = inference_.last_request();
  EXPECT_THAT(generated.ShortDebugString(), Not(HasSubstr("9876")));
  EXPECT_EQ(generated.cache_namespace().size(), 32u);
  EXPECT_EQ(retrieval_.last_search().filter().clearance(), v1::CLASSIFICATION_PUBLIC);

  ASSERT_EQ(records().size(), 1u);
  const store::v1::AuditRecord record = LastRecord();
  EXPECT_EQ(record.outcome(), "ok");
  EXPECT_EQ(record.method(), "hadal.v1.Assistant/Ask");
  EXPECT_EQ(record.principal(), "reader");
  EXPECT_EQ(record.resource(), "kb1");
  EXPECT_EQ(record.model_sha256(), std::string(64, 'a'));
  ASSERT_EQ(record.chunks_size(), 2);
  EXPECT_EQ(record.chunks(0).document_id(), "open");
  EXPECT_EQ(record.chunks(0).sha256().size(), 64u);
  EXPECT_EQ(record.chunks(1).chunk_id(), "open#1");
  EXPECT_EQ(record.answer_sha256().size(), 64u);
  EXPECT_EQ(record.request_sha256().size(), 64u);
  EXPECT_EQ(record.attributes().at("search_complete"), "false");
  EXPECT_EQ(result.audit().index(), 0u);
  EXPECT_EQ(result.audit().leaf_hash().size(), 64u);
}

TEST_F(GrpcApiTest, TheModelReadsWhatStandsBesideWithinTheSameRights) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  ASSERT_TRUE(Ask("reader", Question(kQuestion)).status.ok());
  const auto asked_for = retrieval_.last_chunks();
  ASSERT_EQ(asked_for.chunk_ids_size(), 1);
  EXPECT_EQ(asked_for.chunk_ids(0), "open#0");
  EXPECT_EQ(asked_for.filter().clearance(), v1::CLASSIFICATION_PUBLIC);
  EXPECT_EQ(asked_for.neighbours(), 1);
  const std::string prompt = inference_.last_request().ShortDebugString();
  EXPECT_THAT(prompt, HasSubstr(testing::FakeRetrieval::kNextText));
  EXPECT_THAT(prompt, Not(HasSubstr("9876")));
}

TEST_F(GrpcApiTest, AFollowUpIsCompletedAndSearchedForAsAskedToo) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  v1::AskRequest request = Question("How often must it be inspected?");
  v1::Turn& turn = *request.add_history();
  turn.set_question("What is the weight of transformer T7?");
  turn.set_answer("The weight is not known.");
  const Asked asked = Ask("reader", request);
  ASSERT_TRUE(asked.status.ok()) << asked.status.error_message();
  const std::string whole = "How often must the transformer T7 be inspected?";
  EXPECT_EQ(asked.result().standalone_question(), whole);
  EXPECT_THAT(retrieval_.searched(), ::testing::ElementsAre(whole, request.question()));
  EXPECT_THAT(inference_.last_request().ShortDebugString(), HasSubstr(whole));
  EXPECT_EQ(LastRecord().attributes().at("follow_up"), "rule");
  EXPECT_EQ(LastRecord().attributes().at("standalone_question_sha256").size(), 64u);

  const Asked plain = Ask("reader", Question(kQuestion));
  EXPECT_EQ(plain.result().standalone_question(), "");
  EXPECT_FALSE(LastRecord().attributes().contains("follow_up"));
}

TEST_F(GrpcApiTest, NamespacesDifferBetweenUsersAndStayForOne) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  ASSERT_TRUE(Ask("reader", Question(kQuestion)).status.ok());
  const std::string readers = inference_.last_request().cache_namespace();
  ASSERT_TRUE(Ask("keeper", Question(kQuestion)).status.ok());
  EXPECT_NE(inference_.last_request().cache_namespace(), readers);
  ASSERT_TRUE(Ask("reader", Question(kQuestion)).status.ok());
  EXPECT_EQ(inference_.last_request().cache_namespace(), readers);
}

TEST_F(GrpcApiTest, NothingLeavesWithoutARecord) {
  inference_.deltas = {"Transformer T7 must be inspected every 42 days [1]."};
  log_->FailAfter(0);
  const Asked asked = Ask("reader", Question(kQuestion));
  EXPECT_EQ(asked.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(asked.events.empty());

  v1::SearchRequest search;
  search.set_knowledge_base("kb1");
  search.set_query("T7");
  v1::SearchResponse found;
  EXPECT_EQ(
      v1::Knowledge::NewStub(channel_)->Search(As("reader").get(), search, &found).error_code(),
      grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(found.hits_size(), 0);

  v1::CreateKeyRequest create;
  create.set_user_id("reader");
  v1::CreateKeyResponse key;
  EXPECT_EQ(v1::Admin::NewStub(channel_)->CreateKey(As("root").get(), create, &key).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(key.secret(), "");
  EXPECT_EQ(RawCall("/hadal.v1.Nothing/There", "", "").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcApiTest, BadQuestionsAreErrorsWithARecord) {
  v1::AskRequest too_long = Question(std::string(8001, 'x'));
  EXPECT_EQ(Ask("reader", too_long).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::AskRequest other_model = Question("q");
  other_model.set_model("gpt-4");
  EXPECT_EQ(Ask("reader", other_model).status.error_code(), grpc::StatusCode::NOT_FOUND);
  v1::AskRequest other_base = Question("q");
  other_base.set_knowledge_base("kb2");
  EXPECT_EQ(Ask("reader", other_base).status.error_code(), grpc::StatusCode::NOT_FOUND);
  v1::AskRequest hot = Question("q");
  hot.set_temperature(3);
  EXPECT_EQ(Ask("reader", hot).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Ask("auditor", Question("q")).status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  ASSERT_EQ(records().size(), 5u);
  EXPECT_EQ(records()[0].outcome(), "error");
  EXPECT_EQ(records()[4].outcome(), "refused");
}

TEST_F(GrpcApiTest, CancellingAnAskCancelsTheGeneration) {
  inference_.wait_after_first_delta = true;
  const auto context = As("reader");
  const auto stub = v1::Assistant::NewStub(channel_);
  const auto stream = stub->Ask(context.get(), Question(kQuestion));
  ASSERT_TRUE(Eventually([&] { return inference_.generating == 1; }));
  context->TryCancel();
  v1::AskEvent event;
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return inference_.cancelled == 1; }));
  ASSERT_TRUE(Eventually([&] { return records().size() == 1; }));
  EXPECT_EQ(LastRecord().outcome(), "cancelled");
}

TEST_F(GrpcApiTest, EveryMethodNeedsAKeyAndRecordsItsRefusal) {
  size_t calls = 0;
  for (const char* name : {"hadal.v1.Assistant", "hadal.v1.Knowledge", "hadal.v1.Models",
                           "hadal.v1.Admin", "hadal.v1.Audit"}) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method = fmt::format("{}/{}", name, service->method(i)->name());
      for (const char* key : {"", "hadal_wrong_key"}) {
        EXPECT_EQ(RawCall("/" + method, key, "").error_code(), grpc::StatusCode::UNAUTHENTICATED)
            << method;
        ASSERT_EQ(records().size(), ++calls) << method;
        EXPECT_EQ(LastRecord().method(), method);
        EXPECT_EQ(LastRecord().outcome(), "refused");
      }
    }
  }
  EXPECT_GE(calls, 2u * 24);
}

TEST_F(GrpcApiTest, UnknownMethodsAndMalformedMessagesAreRecorded) {
  EXPECT_EQ(RawCall("/hadal.v1.Assistant/Guess", KeyOf("reader"), "").error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  ASSERT_EQ(records().size(), 1u);
  EXPECT_EQ(LastRecord().method(), "hadal.v1.Assistant/Guess");
  EXPECT_EQ(LastRecord().principal(), "reader");
  EXPECT_EQ(LastRecord().outcome(), "error");
  EXPECT_EQ(RawCall("/hadal.v1.Assistant/Guess", "", "").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(records().size(), 2u);
  EXPECT_FALSE(RawCall("/hadal.v1.Knowledge/Search", KeyOf("reader"), "\xff\xff\xff").ok());
  ASSERT_EQ(records().size(), 3u);
  EXPECT_EQ(LastRecord().method(), "hadal.v1.Knowledge/Search");
  EXPECT_EQ(LastRecord().principal(), "reader");
}

TEST_F(GrpcApiTest, HealthNeedsNoKeyAndLeavesNoRecord) {
  EXPECT_TRUE(RawCall("/grpc.health.v1.Health/Check", "", "").ok());
  EXPECT_EQ(records().size(), 0u);
}

TEST_F(GrpcApiTest, SearchDropsWhatTheCallerMayNotRead) {
  v1::SearchRequest search;
  search.set_knowledge_base("kb1");
  search.set_query("T7");
  v1::SearchResponse found;
  const auto stub = v1::Knowledge::NewStub(channel_);
  ASSERT_TRUE(stub->Search(As("reader").get(), search, &found).ok());
  ASSERT_EQ(found.hits_size(), 1);
  EXPECT_EQ(found.hits(0).document_id(), "open");
  EXPECT_FALSE(found.complete());
  EXPECT_EQ(LastRecord().chunks_size(), 1);
  ASSERT_TRUE(stub->Search(As("root").get(), search, &found).ok());
  EXPECT_EQ(found.hits_size(), 2);
  search.set_top_k(101);
  EXPECT_EQ(stub->Search(As("reader").get(), search, &found).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcApiTest, SearchExplainsScoresAndFilterWhenAsked) {
  v1::SearchRequest search;
  search.set_knowledge_base("kb1");
  search.set_query("T7");
  v1::SearchResponse found;
  const auto stub = v1::Knowledge::NewStub(channel_);
  ASSERT_TRUE(stub->Search(As("reader").get(), search, &found).ok());
  EXPECT_FALSE(found.has_filter());
  EXPECT_FALSE(found.hits(0).has_scores());
  search.set_explain(true);
  ASSERT_TRUE(stub->Search(As("reader").get(), search, &found).ok());
  ASSERT_EQ(found.hits_size(), 1);
  EXPECT_FLOAT_EQ(found.hits(0).scores().cosine(), 0.93f);
  EXPECT_EQ(found.hits(0).scores().label().classification(), v1::CLASSIFICATION_PUBLIC);
  EXPECT_EQ(found.filter().clearance(), retrieval_.last_search().filter().clearance());
}

TEST_F(GrpcApiTest, DocumentsAreListedAndDeletedWithinTheCallersRights) {
  const auto stub = v1::Knowledge::NewStub(channel_);
  v1::ListDocumentsRequest list;
  list.set_knowledge_base("kb1");
  v1::ListDocumentsResponse documents;
  ASSERT_TRUE(stub->ListDocuments(As("keeper").get(), list, &documents).ok());
  ASSERT_EQ(documents.documents_size(), 1);
  EXPECT_EQ(documents.documents(0).id(), "open");

  v1::DeleteDocumentRequest remove;
  remove.set_knowledge_base("kb1");
  remove.set_document_id("vault");
  v1::DeleteDocumentResponse removed;
  EXPECT_EQ(stub->DeleteDocument(As("reader").get(), remove, &removed).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(stub->DeleteDocument(As("keeper").get(), remove, &removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(stub->DeleteDocument(As("root").get(), remove, &removed).ok());

  v1::ListKnowledgeBasesResponse bases;
  ASSERT_TRUE(stub->ListKnowledgeBases(As("reader").get(), {}, &bases).ok());
  EXPECT_EQ(bases.knowledge_bases(0).documents(), 0);  // the count would tell of hidden ones
  ASSERT_TRUE(stub->ListKnowledgeBases(As("keeper").get(), {}, &bases).ok());
  EXPECT_EQ(bases.knowledge_bases(0).documents(), 2);
}

TEST_F(GrpcApiTest, NobodyAddsWhatHeCouldNotRead) {
  const auto add = [&](const std::string& user, v1::Classification classification) {
    v1::AddDocumentResponse response;
    const auto context = As(user);
    const auto stub = v1::Knowledge::NewStub(channel_);
    const auto writer = stub->AddDocument(context.get(), &response);
    v1::AddDocumentRequest part;
    part.mutable_header()->set_knowledge_base("kb1");
    part.mutable_header()->set_document_id("d1");
    part.mutable_header()->set_size_bytes(9);
    part.mutable_header()->mutable_label()->set_classification(classification);
    writer->Write(part);
    part.set_data("some ");
    writer->Write(part);
    part.set_data("text");
    writer->Write(part);
    writer->WritesDone();
    return writer->Finish();
  };
  EXPECT_EQ(add("reader", v1::CLASSIFICATION_PUBLIC).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(add("keeper", v1::CLASSIFICATION_SECRET).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(LastRecord().outcome(), "refused");
  EXPECT_EQ(add("keeper", v1::CLASSIFICATION_UNSPECIFIED).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(retrieval_.added(), 0);
  EXPECT_TRUE(add("keeper", v1::CLASSIFICATION_INTERNAL).ok());
  EXPECT_TRUE(add("root", v1::CLASSIFICATION_SECRET).ok());
  EXPECT_EQ(retrieval_.added(), 2);
  EXPECT_EQ(retrieval_.added_bytes(), "some text");
  EXPECT_EQ(LastRecord().resource(), "kb1/d1");
  EXPECT_EQ(LastRecord().request_sha256(),
            "b94f6f125c79e3a5ffaa826f584c10d52ada669e6762051b826b55776d05aed2");
}

// Begins an upload of `announced` bytes and sends four.
std::unique_ptr<grpc::ClientWriter<v1::AddDocumentRequest>> SendHalf(
    v1::Knowledge::Stub& stub, grpc::ClientContext& context, int64_t announced,
    v1::AddDocumentResponse& response) {
  auto writer = stub.AddDocument(&context, &response);
  v1::AddDocumentRequest part;
  part.mutable_header()->set_knowledge_base("kb1");
  part.mutable_header()->set_size_bytes(announced);
  part.mutable_header()->mutable_label()->set_classification(v1::CLASSIFICATION_PUBLIC);
  writer->Write(part);
  part.set_data("half");
  writer->Write(part);
  return writer;
}

TEST_F(GrpcApiTest, AnInterruptedUploadIsNotTakenForAWholeFile) {
  const auto context = As("keeper");
  v1::AddDocumentResponse response;
  const auto stub = v1::Knowledge::NewStub(channel_);
  const auto writer = SendHalf(*stub, *context, 8, response);
  context->TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ASSERT_TRUE(Eventually([&] { return records().size() == 1; }));
  // The server may see the end of the messages before it learns that the caller went away.
  EXPECT_THAT(LastRecord().outcome(), ::testing::AnyOf("cancelled", "error"));
  EXPECT_EQ(retrieval_.added(), 0);
}

TEST_F(GrpcApiTest, AnUploadOfAnotherLengthIsRefused) {
  for (const int64_t announced : {int64_t{3}, int64_t{5}}) {
    const auto context = As("keeper");
    v1::AddDocumentResponse response;
    const auto stub = v1::Knowledge::NewStub(channel_);
    const auto writer = SendHalf(*stub, *context, announced, response);
    writer->WritesDone();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(LastRecord().outcome(), "error");
  }
  EXPECT_EQ(retrieval_.added(), 0);
}

TEST_F(GrpcApiTest, RevokedKeysAndUsersAreOutAtOnce) {
  const auto admin = v1::Admin::NewStub(channel_);
  const auto models = v1::Models::NewStub(channel_);
  v1::CreateKeyRequest create;
  create.set_user_id("reader");
  v1::CreateKeyResponse key;
  ASSERT_TRUE(admin->CreateKey(As("root").get(), create, &key).ok());
  v1::ListModelsResponse list;
  EXPECT_TRUE(models->ListModels(WithKey(key.secret()).get(), {}, &list).ok());
  EXPECT_EQ(list.models_size(), 2);
  v1::RevokeKeyRequest revoke;
  revoke.set_id(key.key().id());
  v1::Key revoked;
  ASSERT_TRUE(admin->RevokeKey(As("root").get(), revoke, &revoked).ok());
  EXPECT_TRUE(revoked.revoked());
  EXPECT_EQ(models->ListModels(WithKey(key.secret()).get(), {}, &list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  v1::RevokeUserRequest user;
  user.set_id("reader");
  v1::User disabled;
  ASSERT_TRUE(admin->RevokeUser(As("root").get(), user, &disabled).ok());
  EXPECT_TRUE(disabled.disabled());
  EXPECT_EQ(models->ListModels(As("reader").get(), {}, &list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  // The secret is in no record.
  for (const auto& record : records()) {
    EXPECT_THAT(record.ShortDebugString(), Not(HasSubstr(key.secret())));
  }
}

TEST_F(GrpcApiTest, UsersRolesAndStatus) {
  const auto admin = v1::Admin::NewStub(channel_);
  v1::CreateRoleRequest role;
  role.mutable_role()->set_id("searcher");
  role.mutable_role()->add_permissions("knowledge.search");
  v1::Role made;
  ASSERT_TRUE(admin->CreateRole(As("root").get(), role, &made).ok());
  v1::CreateUserRequest create;
  create.mutable_user()->set_id("bob");
  create.mutable_user()->set_clearance(v1::CLASSIFICATION_PUBLIC);
  v1::User bob;
  ASSERT_TRUE(admin->CreateUser(As("root").get(), create, &bob).ok());
  EXPECT_THAT(bob.roles(), ::testing::ElementsAre("user"));
  EXPECT_EQ(admin->CreateUser(As("reader").get(), create, &bob).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  v1::GetStatusResponse status;
  // Ready as soon as the channels are up, which a loaded machine may take its time over.
  ASSERT_TRUE(Eventually(
      [&] { return admin->GetStatus(As("reader").get(), {}, &status).ok() && status.ready(); }));
  ASSERT_EQ(status.services_size(), 3);
  EXPECT_EQ(status.services(0).endpoint(), gateway_->grpc_address());
  EXPECT_THAT(status.models(), ::testing::ElementsAre("tiny-chat", "tiny-embed"));
  retrieval_server_->Shutdown(absl::ZeroDuration());
  ASSERT_TRUE(admin->GetStatus(As("reader").get(), {}, &status).ok());
  EXPECT_FALSE(status.ready());
  EXPECT_FALSE(status.services(1).ready());
}

TEST_F(GrpcApiTest, AuditorsReadTheLog) {
  const auto audit = v1::Audit::NewStub(channel_);
  const auto models = v1::Models::NewStub(channel_);
  v1::ListModelsResponse list;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(models->ListModels(As("reader").get(), {}, &list).ok());
  v1::ListRecordsRequest request;
  request.set_limit(2);
  request.set_newest_first(true);
  v1::ListRecordsResponse listed;
  EXPECT_EQ(audit->ListRecords(As("reader").get(), request, &listed).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  ASSERT_TRUE(audit->ListRecords(As("auditor").get(), request, &listed).ok());
  ASSERT_EQ(listed.entries_size(), 2);
  EXPECT_EQ(listed.tree_size(), 6u);
  EXPECT_EQ(listed.entries(0).index(), 5u);
  EXPECT_EQ(listed.entries(1).index(), 4u);
  request.set_newest_first(false);
  request.set_principal("auditor");
  ASSERT_TRUE(audit->ListRecords(As("auditor").get(), request, &listed).ok());
  ASSERT_EQ(listed.entries_size(), 1);
  EXPECT_EQ(listed.entries(0).index(), 6u);

  const auto context = As("auditor");
  v1::ExportRequest from;
  from.set_start(3);
  const auto stream = audit->Export(context.get(), from);
  v1::ExportResponse batch;
  std::vector<uint64_t> exported;
  while (stream->Read(&batch)) {
    for (const v1::AuditEntry& entry : batch.entries()) exported.push_back(entry.index());
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_THAT(exported, ::testing::ElementsAre(3, 4, 5, 6, 7, 8));
}

}  // namespace
}  // namespace hadal::gateway
