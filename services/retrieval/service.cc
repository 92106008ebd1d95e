#include "services/retrieval/service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "services/retrieval/messages.h"
#include "services/rpc/status.h"

namespace hadal::retrieval_service {
namespace {

using retrieval::KnowledgeStore;

constexpr int32_t kDefaultTopK = 10;
constexpr int32_t kMaxTopK = 100;

// An early NOT_FOUND spares the sender the whole file.
Status CheckBase(const KnowledgeStore& store, const std::string& id) {
  const std::vector<retrieval::KnowledgeBaseInfo> bases = store.ListBases();
  const auto same = [&id](const retrieval::KnowledgeBaseInfo& base) { return base.id == id; };
  if (std::any_of(bases.begin(), bases.end(), same)) return OkStatus();
  return NotFound("no knowledge base '{}'", id);
}

StatusOr<internal::v1::SearchResponse> RunSearch(KnowledgeStore& store,
                                                 const internal::v1::SearchRequest& request,
                                                 const retrieval::TextFolder& folder) {
  const int32_t top_k = request.top_k() == 0 ? kDefaultTopK : request.top_k();
  if (top_k < 1 || top_k > kMaxTopK) {
    return InvalidArgument("top_k is {}, expected 1 to {}", top_k, kMaxTopK);
  }
  ASSIGN_OR_RETURN(std::vector<retrieval::FieldMatch> fields,
                   FieldsFromProto(request.fields(), folder));
  const retrieval::SearchOptions options = {top_k, std::move(fields), request.as_of_unix_ms()};
  ASSIGN_OR_RETURN(const retrieval::SearchResult result,
                   store.Search(request.knowledge_base(), request.query(), options,
                                FilterFromProto(request.filter())));
  internal::v1::SearchResponse response;
  for (const retrieval::SearchHit& hit : result.hits) *response.add_hits() = HitToProto(hit);
  response.set_complete(result.complete);
  response.set_chunks_allowed(result.chunks_allowed);
  response.set_chunks_pending(result.chunks_pending);
  response.set_chunks_examined(result.chunks_examined);
  return response;
}

StatusOr<v1::ListDocumentsResponse> RunListDocuments(
    const KnowledgeStore& store, const internal::v1::ListDocumentsRequest& request,
    const retrieval::TextFolder& folder) {
  const v1::ListDocumentsRequest& list = request.request();
  ASSIGN_OR_RETURN(std::vector<retrieval::FieldMatch> fields,
                   FieldsFromProto(list.fields(), folder));
  const retrieval::ListOptions options = {list.page_size(), list.page_token(), std::move(fields),
                                          StateFromProto(list.state())};
  ASSIGN_OR_RETURN(
      const retrieval::DocumentPage page,
      store.ListDocuments(list.knowledge_base(), FilterFromProto(request.filter()), options));
  v1::ListDocumentsResponse response;
  for (const retrieval::DocumentInfo& document : page.documents) {
    *response.add_documents() = DocumentToProto(document);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

StatusOr<internal::v1::GetChunksResponse> RunGetChunks(
    const KnowledgeStore& store, const internal::v1::GetChunksRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<retrieval::ChunkInPlace> chunks,
                   store.GetChunks(request.knowledge_base(),
                                   {request.chunk_ids().begin(), request.chunk_ids().end()},
                                   request.neighbours(), FilterFromProto(request.filter())));
  internal::v1::GetChunksResponse response;
  for (const retrieval::ChunkInPlace& chunk : chunks) {
    internal::v1::Hit& hit = *response.add_chunks();
    hit = HitToProto(chunk.chunk);
    for (const retrieval::SearchHit& beside : chunk.before) *hit.add_before() = HitToProto(beside);
    for (const retrieval::SearchHit& beside : chunk.after) *hit.add_after() = HitToProto(beside);
  }
  return response;
}

template <typename Response>
grpc::Status Answer(StatusOr<Response> result, Response* response) {
  if (result.ok()) *response = *std::move(result);
  return rpc::ToGrpc(result.status());
}

}  // namespace

void RetrievalService::Serve(std::shared_ptr<KnowledgeStore> store,
                             std::shared_ptr<retrieval::TokenCounter> tokens) {
  uploads_.Start(store, tokens);
  absl::MutexLock lock(&mu_);
  store_ = std::move(store);
  tokens_ = std::move(tokens);
}

void RetrievalService::Stop() {
  absl::MutexLock lock(&mu_);
  store_.reset();
}

StatusOr<std::shared_ptr<KnowledgeStore>> RetrievalService::Store() const {
  absl::MutexLock lock(&mu_);
  if (store_ == nullptr) {
    return Unavailable(
        "the knowledge store is not open yet (it waits for the inference service): try again soon");
  }
  return store_;
}

std::shared_ptr<retrieval::TokenCounter> RetrievalService::Tokens() const {
  absl::MutexLock lock(&mu_);
  return tokens_;
}

grpc::Status RetrievalService::CreateKnowledgeBase(grpc::ServerContext*,
                                                   const v1::CreateKnowledgeBaseRequest* request,
                                                   v1::KnowledgeBase* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const auto created = (*store)->CreateBase(request->id(), request->description());
  if (created.ok()) *response = BaseToProto(*created);
  return rpc::ToGrpc(created.status());
}

grpc::Status RetrievalService::ListKnowledgeBases(grpc::ServerContext*,
                                                  const v1::ListKnowledgeBasesRequest*,
                                                  v1::ListKnowledgeBasesResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  for (const retrieval::KnowledgeBaseInfo& base : (*store)->ListBases()) {
    *response->add_knowledge_bases() = BaseToProto(base);
  }
  return grpc::Status::OK;
}

grpc::Status RetrievalService::DeleteKnowledgeBase(grpc::ServerContext*,
                                                   const v1::DeleteKnowledgeBaseRequest* request,
                                                   v1::DeleteKnowledgeBaseResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const StatusOr<retrieval::DeletionReceipt> receipt = (*store)->DeleteBase(request->id());
  if (receipt.ok()) {
    response->set_documents_removed(receipt->documents);
    *response->mutable_receipt() = ReceiptToProto(*receipt);
  }
  return rpc::ToGrpc(receipt.status());
}

StatusOr<v1::AddDocumentResponse> RetrievalService::Receive(
    grpc::ServerContext& context, grpc::ServerReader<v1::AddDocumentRequest>& reader) {
  ASSIGN_OR_RETURN(const std::shared_ptr<KnowledgeStore> store, Store());
  const std::shared_ptr<retrieval::TokenCounter> tokens = Tokens();
  v1::AddDocumentRequest message;
  if (!reader.Read(&message) || !message.has_header()) {
    return InvalidArgument("the first message of AddDocument must be the header");
  }
  const v1::DocumentHeader header = message.header();
  RETURN_IF_ERROR(ingest_->CheckHeader(header));
  RETURN_IF_ERROR(CheckBase(*store, header.knowledge_base()));
  UploadBudget::Share share(budget_);
  std::string content;
  while (reader.Read(&message)) {
    if (!message.has_data()) {
      return InvalidArgument("AddDocument: expected data after the header, found another header");
    }
    if (static_cast<int64_t>(content.size() + message.data().size()) >
        ingest_->options().max_document_bytes) {
      return ingest_->TooLarge(header);
    }
    RETURN_IF_ERROR(share.Grow(static_cast<int64_t>(message.data().size())));
    content += message.data();
  }
  if (context.IsCancelled()) return Cancelled("the sender gave the upload up");
  if (static_cast<int64_t>(content.size()) != header.size_bytes()) {
    return InvalidArgument("the upload ended after {} bytes, its header says {}", content.size(),
                           header.size_bytes());
  }
  IngestOutcome outcome = ingest_->Add(*store, *tokens, header, content);
  if (outcome.again) uploads_.Add(*outcome.again, UploadQueue::kFirstPause);
  return std::move(outcome.response);
}

grpc::Status RetrievalService::AddDocument(grpc::ServerContext* context,
                                           grpc::ServerReader<v1::AddDocumentRequest>* reader,
                                           v1::AddDocumentResponse* response) {
  return Answer(Receive(*context, *reader), response);
}

grpc::Status RetrievalService::ListDocuments(grpc::ServerContext*,
                                             const internal::v1::ListDocumentsRequest* request,
                                             v1::ListDocumentsResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  return Answer(RunListDocuments(**store, *request, ingest_->folder()), response);
}

grpc::Status RetrievalService::DeleteDocument(grpc::ServerContext*,
                                              const internal::v1::DeleteDocumentRequest* request,
                                              v1::DeleteDocumentResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const StatusOr<retrieval::DeletionReceipt> receipt = (*store)->DeleteDocument(
      request->knowledge_base(), request->document_id(), FilterFromProto(request->filter()));
  if (receipt.ok()) {
    response->set_chunks_removed(static_cast<int32_t>(receipt->chunks));
    *response->mutable_receipt() = ReceiptToProto(*receipt);
  }
  return rpc::ToGrpc(receipt.status());
}

grpc::Status RetrievalService::Search(grpc::ServerContext*,
                                      const internal::v1::SearchRequest* request,
                                      internal::v1::SearchResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  return Answer(RunSearch(**store, *request, ingest_->folder()), response);
}

grpc::Status RetrievalService::GetChunks(grpc::ServerContext*,
                                         const internal::v1::GetChunksRequest* request,
                                         internal::v1::GetChunksResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  return Answer(RunGetChunks(**store, *request), response);
}

}  // namespace hadal::retrieval_service
