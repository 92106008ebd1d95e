#include "services/gateway/backend/retrieval_client.h"

#include <grpcpp/channel.h>

#include <utility>

#include "base/log.h"
#include "services/gateway/backend/client_call.h"
#include "services/gateway/backend/retrieval_stub.h"

namespace hadal::gateway {
internal::v1::AccessFilter FilterOf(const auth::Principal& principal) {
  internal::v1::AccessFilter filter;
  filter.set_clearance(principal.clearance);
  for (const std::string& compartment : principal.compartments) {
    filter.add_compartments(compartment);
  }
  for (const std::string& group : principal.groups) filter.add_groups(group);
  return filter;
}

RetrievalClient::RetrievalClient(std::shared_ptr<grpc::Channel> channel)
    : stub_(std::make_unique<Stub>(std::move(channel))) {}
RetrievalClient::~RetrievalClient() = default;

StatusOr<v1::KnowledgeBase> RetrievalClient::CreateKnowledgeBase(
    CallScope& scope, const v1::CreateKnowledgeBaseRequest& request) const {
  ClientCall call(scope);
  v1::KnowledgeBase response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->CreateKnowledgeBase(call.context(), request, &response)));
  return response;
}

StatusOr<v1::ListKnowledgeBasesResponse> RetrievalClient::ListKnowledgeBases(
    CallScope& scope) const {
  ClientCall call(scope);
  v1::ListKnowledgeBasesResponse response;
  RETURN_IF_ERROR(
      BackendStatus("retrieval", stub_->retrieval->ListKnowledgeBases(
                                     call.context(), v1::ListKnowledgeBasesRequest(), &response)));
  return response;
}

StatusOr<v1::DeleteKnowledgeBaseResponse> RetrievalClient::DeleteKnowledgeBase(
    CallScope& scope, const v1::DeleteKnowledgeBaseRequest& request) const {
  ClientCall call(scope);
  v1::DeleteKnowledgeBaseResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->DeleteKnowledgeBase(call.context(), request, &response)));
  return response;
}

StatusOr<v1::AddDocumentResponse> RetrievalClient::AddDocument(CallScope& scope,
                                                               const NextPart& next) const {
  ClientCall call(scope);
  v1::AddDocumentResponse response;
  const auto writer = stub_->retrieval->AddDocument(call.context(), &response);
  v1::AddDocumentRequest part;
  while (true) {
    const StatusOr<bool> more = next(part);
    if (!more.ok()) {
      call.context()->TryCancel();
      (void)writer->Finish();
      return more.status();
    }
    // A failed write means that the service has ended the call: Finish() says why.
    if (!*more || !writer->Write(part)) break;
  }
  writer->WritesDone();
  RETURN_IF_ERROR(BackendStatus("retrieval", writer->Finish()));
  return response;
}

StatusOr<v1::ListDocumentsResponse> RetrievalClient::ListDocuments(
    CallScope& scope, const auth::Principal& principal,
    const v1::ListDocumentsRequest& request) const {
  ClientCall call(scope);
  internal::v1::ListDocumentsRequest filtered;
  *filtered.mutable_request() = request;
  *filtered.mutable_filter() = FilterOf(principal);
  v1::ListDocumentsResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->ListDocuments(call.context(), filtered, &response)));
  const int dropped = KeepReadableDocuments(principal, *response.mutable_documents());
  if (dropped > 0) {
    LogError("retrieval listed {} documents that '{}' may not read; dropped", dropped,
             principal.user_id);
  }
  return response;
}

StatusOr<v1::DeleteDocumentResponse> RetrievalClient::DeleteDocument(
    CallScope& scope, const auth::Principal& principal,
    const v1::DeleteDocumentRequest& request) const {
  ClientCall call(scope);
  internal::v1::DeleteDocumentRequest filtered;
  filtered.set_knowledge_base(request.knowledge_base());
  filtered.set_document_id(request.document_id());
  *filtered.mutable_filter() = FilterOf(principal);
  v1::DeleteDocumentResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->DeleteDocument(call.context(), filtered, &response)));
  return response;
}

StatusOr<internal::v1::SearchResponse> RetrievalClient::Search(
    CallScope& scope, const auth::Principal& principal, const v1::SearchRequest& request) const {
  ClientCall call(scope);
  internal::v1::SearchRequest filtered;
  filtered.set_knowledge_base(request.knowledge_base());
  filtered.set_query(request.query());
  filtered.set_top_k(request.top_k());
  *filtered.mutable_fields() = request.fields();
  filtered.set_as_of_unix_ms(request.as_of_unix_ms());
  *filtered.mutable_filter() = FilterOf(principal);
  internal::v1::SearchResponse response;
  RETURN_IF_ERROR(
      BackendStatus("retrieval", stub_->retrieval->Search(call.context(), filtered, &response)));
  const int dropped = KeepReadable(
      principal, [](const internal::v1::Hit& hit) { return hit.label(); },
      *response.mutable_hits());
  if (dropped > 0) {
    LogError("retrieval returned {} chunks that '{}' may not read; dropped", dropped,
             principal.user_id);
    response.set_complete(false);
  }
  return response;
}

StatusOr<internal::v1::GetChunksResponse> RetrievalClient::GetChunks(
    CallScope& scope, const auth::Principal& principal,
    const internal::v1::GetChunksRequest& request) const {
  ClientCall call(scope);
  internal::v1::GetChunksRequest filtered = request;
  *filtered.mutable_filter() = FilterOf(principal);
  internal::v1::GetChunksResponse response;
  RETURN_IF_ERROR(
      BackendStatus("retrieval", stub_->retrieval->GetChunks(call.context(), filtered, &response)));
  const auto label_of = [](const internal::v1::Hit& hit) { return hit.label(); };
  int dropped = KeepReadable(principal, label_of, *response.mutable_chunks());
  for (internal::v1::Hit& chunk : *response.mutable_chunks()) {
    dropped += KeepReadable(principal, label_of, *chunk.mutable_before());
    dropped += KeepReadable(principal, label_of, *chunk.mutable_after());
  }
  if (dropped > 0) {
    LogError("retrieval gave {} chunks that '{}' may not read; dropped", dropped,
             principal.user_id);
  }
  return response;
}

}  // namespace hadal::gateway
