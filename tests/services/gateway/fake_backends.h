#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hadal/internal/v1/inference.grpc.pb.h"
#include "hadal/internal/v1/retrieval.grpc.pb.h"

namespace hadal::gateway::testing {

/// One chat and one embedding model; generation follows a script. Thread-safe.
class FakeInference final : public internal::v1::Inference::Service {
 public:
  std::vector<std::string> deltas = {"All is ", "well."};  ///< set before the calls
  std::atomic<bool> wait_after_first_delta = false;        ///< until the call is cancelled
  std::atomic<int> fail_after_deltas = -1;                 ///< then DATA_LOSS
  std::atomic<int> generating = 0;
  std::atomic<int> cancelled = 0;

  internal::v1::GenerateRequest last_request() const {
    absl::MutexLock lock(&mu_);
    return last_request_;
  }

  grpc::Status Generate(grpc::ServerContext* context, const internal::v1::GenerateRequest* request,
                        grpc::ServerWriter<internal::v1::GenerateEvent>* writer) override;
  grpc::Status Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;
  grpc::Status CountTokens(grpc::ServerContext* context,
                           const internal::v1::CountTokensRequest* request,
                           internal::v1::CountTokensResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;

 private:
  mutable absl::Mutex mu_;
  internal::v1::GenerateRequest last_request_ ABSL_GUARDED_BY(mu_);
};

/// One knowledge base "kb1" that ignores the filter: it returns a public and a secret chunk and
/// document to everyone, which the gateway must not believe. Thread-safe.
class FakeRetrieval final : public internal::v1::Retrieval::Service {
 public:
  static constexpr char kPublicText[] =
      "Transformer T7 must be inspected every 42 days by the shift engineer.";
  static constexpr char kNextText[] = "The protocol is kept for 5 years.";
  static constexpr char kSecretText[] = "The secret vault code of transformer T7 is 9876.";

  internal::v1::SearchRequest last_search() const {
    absl::MutexLock lock(&mu_);
    return last_search_;
  }
  internal::v1::GetStatsRequest last_stats() const {
    absl::MutexLock lock(&mu_);
    return last_stats_;
  }
  std::string added_bytes() const {
    absl::MutexLock lock(&mu_);
    return added_bytes_;
  }
  int added() const {
    absl::MutexLock lock(&mu_);
    return added_;
  }

  grpc::Status ListKnowledgeBases(grpc::ServerContext* context,
                                  const v1::ListKnowledgeBasesRequest* request,
                                  v1::ListKnowledgeBasesResponse* response) override;
  grpc::Status AddDocument(grpc::ServerContext* context,
                           grpc::ServerReader<v1::AddDocumentRequest>* reader,
                           v1::AddDocumentResponse* response) override;
  grpc::Status ListDocuments(grpc::ServerContext* context,
                             const internal::v1::ListDocumentsRequest* request,
                             v1::ListDocumentsResponse* response) override;
  grpc::Status DeleteDocument(grpc::ServerContext* context,
                              const internal::v1::DeleteDocumentRequest* request,
                              v1::DeleteDocumentResponse* response) override;
  grpc::Status Search(grpc::ServerContext* context, const internal::v1::SearchRequest* request,
                      internal::v1::SearchResponse* response) override;
  grpc::Status GetStats(grpc::ServerContext* context, const internal::v1::GetStatsRequest* request,
                        v1::KnowledgeBaseStats* response) override;
  grpc::Status ListNearDuplicates(grpc::ServerContext* context,
                                  const internal::v1::ListNearDuplicatesRequest* request,
                                  v1::ListNearDuplicatesResponse* response) override;
  grpc::Status Snapshot(grpc::ServerContext* context, const v1::CreateSnapshotRequest* request,
                        v1::CreateSnapshotResponse* response) override;
  /// A secret chunk for the secret one; the public one with a public and a secret neighbour.
  grpc::Status GetChunks(grpc::ServerContext* context,
                         const internal::v1::GetChunksRequest* request,
                         internal::v1::GetChunksResponse* response) override;
  std::vector<std::string> searched() const {
    absl::MutexLock lock(&mu_);
    return searched_;
  }
  internal::v1::GetChunksRequest last_chunks() const {
    absl::MutexLock lock(&mu_);
    return last_chunks_;
  }

 private:
  mutable absl::Mutex mu_;
  internal::v1::GetStatsRequest last_stats_ ABSL_GUARDED_BY(mu_);
  internal::v1::SearchRequest last_search_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> searched_ ABSL_GUARDED_BY(mu_);  // queries
  internal::v1::GetChunksRequest last_chunks_ ABSL_GUARDED_BY(mu_);
  std::string added_bytes_ ABSL_GUARDED_BY(mu_);
  int added_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace hadal::gateway::testing
