// The calls of RetrievalClient that look after what is there.

#include <utility>

#include "base/log.h"
#include "services/gateway/backend/client_call.h"
#include "services/gateway/backend/retrieval_stub.h"

namespace hadal::gateway {

StatusOr<v1::KnowledgeBase> RetrievalClient::UpdateKnowledgeBase(
    CallScope& scope, const v1::UpdateKnowledgeBaseRequest& request) const {
  ClientCall call(scope);
  v1::KnowledgeBase response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->UpdateKnowledgeBase(call.context(), request, &response)));
  return response;
}

StatusOr<v1::ListVersionsResponse> RetrievalClient::ListVersions(
    CallScope& scope, const auth::Principal& principal,
    const v1::ListVersionsRequest& request) const {
  ClientCall call(scope);
  internal::v1::ListVersionsRequest filtered;
  *filtered.mutable_request() = request;
  *filtered.mutable_filter() = FilterOf(principal);
  v1::ListVersionsResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->ListVersions(call.context(), filtered, &response)));
  const int dropped = KeepReadableDocuments(principal, *response.mutable_versions());
  if (dropped > 0) {
    LogError("retrieval listed {} versions that '{}' may not read; dropped", dropped,
             principal.user_id);
  }
  return response;
}

StatusOr<v1::ReparseDocumentResponse> RetrievalClient::ReparseDocument(
    CallScope& scope, const auth::Principal& principal,
    const v1::ReparseDocumentRequest& request) const {
  ClientCall call(scope);
  internal::v1::ReparseDocumentRequest filtered;
  *filtered.mutable_request() = request;
  *filtered.mutable_filter() = FilterOf(principal);
  v1::ReparseDocumentResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->ReparseDocument(call.context(), filtered, &response)));
  return response;
}

StatusOr<v1::PurgeDeletedResponse> RetrievalClient::PurgeDeleted(CallScope& scope) const {
  ClientCall call(scope);
  v1::PurgeDeletedResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval",
      stub_->retrieval->PurgeDeleted(call.context(), v1::PurgeDeletedRequest(), &response)));
  return response;
}

StatusOr<v1::VerifyDeletedResponse> RetrievalClient::VerifyDeleted(
    CallScope& scope, const v1::VerifyDeletedRequest& request) const {
  ClientCall call(scope);
  v1::VerifyDeletedResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->VerifyDeleted(call.context(), request, &response)));
  return response;
}

Status RetrievalClient::ExportKnowledgeBase(CallScope& scope,
                                            const v1::ExportKnowledgeBaseRequest& request,
                                            const WritePart& write) const {
  ClientCall call(scope);
  const auto reader = stub_->retrieval->ExportKnowledgeBase(call.context(), request);
  v1::ExportKnowledgeBaseResponse part;
  while (reader->Read(&part)) {
    if (const Status written = write(part); !written.ok()) {
      call.context()->TryCancel();
      (void)reader->Finish();
      return written;
    }
  }
  return BackendStatus("retrieval", reader->Finish());
}

StatusOr<v1::KnowledgeBase> RetrievalClient::ImportKnowledgeBase(CallScope& scope,
                                                                 const NextImportPart& next) const {
  ClientCall call(scope);
  v1::KnowledgeBase response;
  const auto writer = stub_->retrieval->ImportKnowledgeBase(call.context(), &response);
  v1::ImportKnowledgeBaseRequest part;
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

StatusOr<v1::KnowledgeBaseStats> RetrievalClient::GetStats(
    CallScope& scope, const auth::Principal& principal, const v1::GetStatsRequest& request) const {
  ClientCall call(scope);
  internal::v1::GetStatsRequest filtered;
  *filtered.mutable_request() = request;
  *filtered.mutable_filter() = FilterOf(principal);
  v1::KnowledgeBaseStats response;
  RETURN_IF_ERROR(
      BackendStatus("retrieval", stub_->retrieval->GetStats(call.context(), filtered, &response)));
  if (!request.whole_base()) response.clear_index();
  return response;
}

StatusOr<v1::ListNearDuplicatesResponse> RetrievalClient::ListNearDuplicates(
    CallScope& scope, const auth::Principal& principal,
    const v1::ListNearDuplicatesRequest& request) const {
  ClientCall call(scope);
  internal::v1::ListNearDuplicatesRequest filtered;
  *filtered.mutable_request() = request;
  *filtered.mutable_filter() = FilterOf(principal);
  v1::ListNearDuplicatesResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "retrieval", stub_->retrieval->ListNearDuplicates(call.context(), filtered, &response)));
  const auto label = [](const v1::NearDuplicate& pair) { return pair.document().label(); };
  const auto like_label = [](const v1::NearDuplicate& pair) { return pair.like().label(); };
  const int dropped = KeepReadable(principal, label, *response.mutable_duplicates()) +
                      KeepReadable(principal, like_label, *response.mutable_duplicates());
  if (dropped > 0) {
    LogError("retrieval named {} near duplicates that '{}' may not read; dropped", dropped,
             principal.user_id);
  }
  return response;
}

StatusOr<v1::CreateSnapshotResponse> RetrievalClient::CreateSnapshot(
    CallScope& scope, const v1::CreateSnapshotRequest& request) const {
  ClientCall call(scope);
  v1::CreateSnapshotResponse response;
  RETURN_IF_ERROR(
      BackendStatus("retrieval", stub_->retrieval->Snapshot(call.context(), request, &response)));
  return response;
}

}  // namespace hadal::gateway
