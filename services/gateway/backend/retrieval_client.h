#pragma once

#include <functional>
#include <memory>
#include <string>

#include "auth/principal.h"
#include "base/status.h"
#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/knowledge.pb.h"
#include "services/gateway/backend/call_scope.h"

namespace grpc {
class Channel;
}

namespace hadal::gateway {

/// What `principal` may read, as the retriever evaluates it inside the search.
internal::v1::AccessFilter FilterOf(const auth::Principal& principal);

/// hadal.internal.v1.Retrieval as the gateway calls it: every read carries the principal's filter,
/// and what comes back is checked once more against its label, so that a wrong index shows nothing.
/// Errors carry the service's own code. Thread-safe.
class RetrievalClient {
 public:
  explicit RetrievalClient(std::shared_ptr<grpc::Channel> channel);
  ~RetrievalClient();

  StatusOr<v1::KnowledgeBase> CreateKnowledgeBase(
      CallScope& scope, const v1::CreateKnowledgeBaseRequest& request) const;
  StatusOr<v1::ListKnowledgeBasesResponse> ListKnowledgeBases(CallScope& scope) const;
  StatusOr<v1::DeleteKnowledgeBaseResponse> DeleteKnowledgeBase(
      CallScope& scope, const v1::DeleteKnowledgeBaseRequest& request) const;

  /// Fills the next message to send; false at the end. A non-OK status ends the call unsaved.
  using NextPart = std::function<StatusOr<bool>(v1::AddDocumentRequest&)>;
  StatusOr<v1::AddDocumentResponse> AddDocument(CallScope& scope, const NextPart& next) const;

  StatusOr<v1::ListDocumentsResponse> ListDocuments(CallScope& scope,
                                                    const auth::Principal& principal,
                                                    const v1::ListDocumentsRequest& request) const;
  StatusOr<v1::DeleteDocumentResponse> DeleteDocument(
      CallScope& scope, const auth::Principal& principal,
      const v1::DeleteDocumentRequest& request) const;
  /// Hits the principal may not read are dropped, logged, and make `complete` false.
  StatusOr<internal::v1::SearchResponse> Search(CallScope& scope, const auth::Principal& principal,
                                                const v1::SearchRequest& request) const;

  /// Chunks by their ids, with those beside them; `filter` of the request is set here. What the
  /// principal may not read is dropped and logged.
  StatusOr<internal::v1::GetChunksResponse> GetChunks(
      CallScope& scope, const auth::Principal& principal,
      const internal::v1::GetChunksRequest& request) const;

  // retrieval_operations.cc
  StatusOr<v1::KnowledgeBase> UpdateKnowledgeBase(
      CallScope& scope, const v1::UpdateKnowledgeBaseRequest& request) const;
  StatusOr<v1::ListVersionsResponse> ListVersions(CallScope& scope,
                                                  const auth::Principal& principal,
                                                  const v1::ListVersionsRequest& request) const;
  StatusOr<v1::ReparseDocumentResponse> ReparseDocument(
      CallScope& scope, const auth::Principal& principal,
      const v1::ReparseDocumentRequest& request) const;
  StatusOr<v1::PurgeDeletedResponse> PurgeDeleted(CallScope& scope) const;
  StatusOr<v1::VerifyDeletedResponse> VerifyDeleted(CallScope& scope,
                                                    const v1::VerifyDeletedRequest& request) const;
  /// Hands each part to `write` until it says no.
  using WritePart = std::function<Status(const v1::ExportKnowledgeBaseResponse&)>;
  Status ExportKnowledgeBase(CallScope& scope, const v1::ExportKnowledgeBaseRequest& request,
                             const WritePart& write) const;
  /// As AddDocument.
  using NextImportPart = std::function<StatusOr<bool>(v1::ImportKnowledgeBaseRequest&)>;
  StatusOr<v1::KnowledgeBase> ImportKnowledgeBase(CallScope& scope,
                                                  const NextImportPart& next) const;
  StatusOr<v1::KnowledgeBaseStats> GetStats(CallScope& scope, const auth::Principal& principal,
                                            const v1::GetStatsRequest& request) const;
  /// A pair of which the principal may not read both is dropped.
  StatusOr<v1::ListNearDuplicatesResponse> ListNearDuplicates(
      CallScope& scope, const auth::Principal& principal,
      const v1::ListNearDuplicatesRequest& request) const;
  StatusOr<v1::CreateSnapshotResponse> CreateSnapshot(
      CallScope& scope, const v1::CreateSnapshotRequest& request) const;

 private:
  struct Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace hadal::gateway
