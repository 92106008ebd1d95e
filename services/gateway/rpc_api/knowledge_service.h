#pragma once

#include "hadal/v1/knowledge.grpc.pb.h"
#include "services/gateway/backend/retrieval_client.h"
#include "services/gateway/rpc_api/serve.h"

namespace hadal::gateway {

/// hadal.v1.Knowledge. Thread-safe.
class KnowledgeService final : public v1::Knowledge::Service {
 public:
  KnowledgeService(const ServeEnvironment& environment, const RetrievalClient* retrieval,
                   int64_t max_document_bytes)
      : environment_(environment),
        long_environment_(ForLongCalls(environment)),
        retrieval_(retrieval),
        max_document_bytes_(max_document_bytes) {}

  grpc::Status CreateKnowledgeBase(grpc::ServerContext* context,
                                   const v1::CreateKnowledgeBaseRequest* request,
                                   v1::KnowledgeBase* response) override;
  /// Counts of documents and chunks are for those who may create bases: they count what the caller
  /// may not read as well.
  grpc::Status ListKnowledgeBases(grpc::ServerContext* context,
                                  const v1::ListKnowledgeBasesRequest* request,
                                  v1::ListKnowledgeBasesResponse* response) override;
  grpc::Status DeleteKnowledgeBase(grpc::ServerContext* context,
                                   const v1::DeleteKnowledgeBaseRequest* request,
                                   v1::DeleteKnowledgeBaseResponse* response) override;
  /// Nobody adds what he could not read afterwards, but for the role `admin`.
  grpc::Status AddDocument(grpc::ServerContext* context,
                           grpc::ServerReader<v1::AddDocumentRequest>* reader,
                           v1::AddDocumentResponse* response) override;
  grpc::Status ListDocuments(grpc::ServerContext* context, const v1::ListDocumentsRequest* request,
                             v1::ListDocumentsResponse* response) override;
  grpc::Status DeleteDocument(grpc::ServerContext* context,
                              const v1::DeleteDocumentRequest* request,
                              v1::DeleteDocumentResponse* response) override;
  grpc::Status Search(grpc::ServerContext* context, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override;

  // knowledge_operations.cc
  grpc::Status UpdateKnowledgeBase(grpc::ServerContext* context,
                                   const v1::UpdateKnowledgeBaseRequest* request,
                                   v1::KnowledgeBase* response) override;
  grpc::Status ListVersions(grpc::ServerContext* context, const v1::ListVersionsRequest* request,
                            v1::ListVersionsResponse* response) override;
  grpc::Status ReparseDocument(grpc::ServerContext* context,
                               const v1::ReparseDocumentRequest* request,
                               v1::ReparseDocumentResponse* response) override;
  grpc::Status PurgeDeleted(grpc::ServerContext* context, const v1::PurgeDeletedRequest* request,
                            v1::PurgeDeletedResponse* response) override;
  grpc::Status VerifyDeleted(grpc::ServerContext* context, const v1::VerifyDeletedRequest* request,
                             v1::VerifyDeletedResponse* response) override;
  /// Every document, whatever its label: a permission of its own, which curators do not hold.
  grpc::Status ExportKnowledgeBase(
      grpc::ServerContext* context, const v1::ExportKnowledgeBaseRequest* request,
      grpc::ServerWriter<v1::ExportKnowledgeBaseResponse>* writer) override;
  grpc::Status ImportKnowledgeBase(grpc::ServerContext* context,
                                   grpc::ServerReader<v1::ImportKnowledgeBaseRequest>* reader,
                                   v1::KnowledgeBase* response) override;
  /// Counts of what the caller may read; those of the whole base need a permission of their own.
  grpc::Status GetStats(grpc::ServerContext* context, const v1::GetStatsRequest* request,
                        v1::KnowledgeBaseStats* response) override;
  grpc::Status ListNearDuplicates(grpc::ServerContext* context,
                                  const v1::ListNearDuplicatesRequest* request,
                                  v1::ListNearDuplicatesResponse* response) override;
  grpc::Status CreateSnapshot(grpc::ServerContext* context,
                              const v1::CreateSnapshotRequest* request,
                              v1::CreateSnapshotResponse* response) override;

 private:
  StatusOr<v1::AddDocumentResponse> Add(RequestContext& request, CallScope& scope,
                                        grpc::ServerReader<v1::AddDocumentRequest>& reader) const;

  const ServeEnvironment environment_;
  const ServeEnvironment long_environment_;  ///< of calls that take as long as a base is large
  const RetrievalClient* const retrieval_;
  const int64_t max_document_bytes_;
};

}  // namespace hadal::gateway
