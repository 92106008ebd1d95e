#include "services/gateway/rpc_api/knowledge_service.h"

#include <algorithm>
#include <utility>

#include "auth/actions.h"
#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "services/gateway/filters/digest.h"
#include "services/gateway/work/search.h"

namespace hadal::gateway {
namespace {

namespace actions = auth::actions;

constexpr size_t kMaxPartBytes = 1 << 20;
constexpr int32_t kMaxPageSize = 1000;

// The operator's account loads documents of compartments and groups it cannot read itself.
bool MayAddUnreadable(const auth::Principal& principal) {
  return std::find(principal.roles.begin(), principal.roles.end(), "admin") !=
         principal.roles.end();
}

Status CheckHeader(const v1::DocumentHeader& header, RequestContext& request) {
  const v1::Label& label = header.label();
  if (label.classification() <= v1::CLASSIFICATION_UNSPECIFIED ||
      label.classification() > v1::CLASSIFICATION_SECRET) {
    return InvalidArgument(
        "the document '{}' has no classification; give public, internal, "
        "confidential or secret",
        header.file_name());
  }
  if (auth::MayRead(request.principal(), label)) return OkStatus();
  if (MayAddUnreadable(request.principal())) {
    (*request.record().mutable_attributes())["unreadable_label"] = "added by role admin";
    return OkStatus();
  }
  return request.Refuse("label", PermissionDenied("you cannot add a document that you could not "
                                                  "read: its label is above your rights"));
}

v1::SearchHitScores ScoresOf(const internal::v1::Hit& hit) {
  v1::SearchHitScores scores;
  scores.set_cosine(hit.dense_score());
  scores.set_bm25(hit.lexical_score());
  scores.set_coverage(hit.lexical_coverage());
  scores.set_document_version(hit.document_version());
  *scores.mutable_label() = hit.label();
  *scores.mutable_heading_path() = hit.heading_path();
  return scores;
}

v1::SearchFilter ExplainFilter(const auth::Principal& principal, int64_t chunks_allowed) {
  v1::SearchFilter filter;
  filter.set_clearance(principal.clearance);
  filter.mutable_compartments()->Add(principal.compartments.begin(), principal.compartments.end());
  filter.mutable_groups()->Add(principal.groups.begin(), principal.groups.end());
  filter.set_chunks_allowed(chunks_allowed);
  return filter;
}

void NoteReceipt(RequestContext& admitted, const v1::DeletionReceipt& receipt) {
  (*admitted.record().mutable_attributes())["receipt"] = std::to_string(receipt.sequence());
}

}  // namespace

grpc::Status KnowledgeService::CreateKnowledgeBase(grpc::ServerContext* context,
                                                   const v1::CreateKnowledgeBaseRequest* request,
                                                   v1::KnowledgeBase* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/CreateKnowledgeBase", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeCreate, request->id()));
                 ASSIGN_OR_RETURN(*response, retrieval_->CreateKnowledgeBase(scope, *request));
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::ListKnowledgeBases(grpc::ServerContext* context,
                                                  const v1::ListKnowledgeBasesRequest* request,
                                                  v1::ListKnowledgeBasesResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/ListKnowledgeBases", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeList, ""));
                 ASSIGN_OR_RETURN(*response, retrieval_->ListKnowledgeBases(scope));
                 if (admitted.Permitted(actions::kKnowledgeCreate, "")) return OkStatus();
                 for (v1::KnowledgeBase& base : *response->mutable_knowledge_bases()) {
                   base.clear_documents();
                   base.clear_chunks();
                 }
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::DeleteKnowledgeBase(grpc::ServerContext* context,
                                                   const v1::DeleteKnowledgeBaseRequest* request,
                                                   v1::DeleteKnowledgeBaseResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/DeleteKnowledgeBase", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeDelete, request->id()));
                 ASSIGN_OR_RETURN(*response, retrieval_->DeleteKnowledgeBase(scope, *request));
                 NoteReceipt(admitted, response->receipt());
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::AddDocument(grpc::ServerContext* context,
                                           grpc::ServerReader<v1::AddDocumentRequest>* reader,
                                           v1::AddDocumentResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/AddDocument", nullptr,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 ASSIGN_OR_RETURN(*response, Add(admitted, scope, *reader));
                 auto& attributes = *admitted.record().mutable_attributes();
                 attributes["accepted"] = response->accepted() ? "true" : "false";
                 if (!response->accepted()) attributes["reason_code"] = response->reason_code();
                 return OkStatus();
               });
}

StatusOr<v1::AddDocumentResponse> KnowledgeService::Add(
    RequestContext& request, CallScope& scope,
    grpc::ServerReader<v1::AddDocumentRequest>& reader) const {
  v1::AddDocumentRequest first;
  if (!reader.Read(&first) || !first.has_header()) {
    RETURN_IF_ERROR(scope.Check());
    return InvalidArgument("AddDocument starts with a header message");
  }
  const v1::DocumentHeader& header = first.header();
  RETURN_IF_ERROR(request.Authorize(
      actions::kKnowledgeAdd,
      fmt::format("{}/{}", header.knowledge_base(),
                  header.document_id().empty() ? header.file_name() : header.document_id())));
  (*request.record().mutable_attributes())["label_sha256"] = DigestOf(header.label());
  RETURN_IF_ERROR(CheckHeader(header, request));

  auth::Sha256Hasher hasher;
  int64_t size_bytes = 0;
  bool header_sent = false;
  const auto next = [&](v1::AddDocumentRequest& part) -> StatusOr<bool> {
    if (!std::exchange(header_sent, true)) {
      part = first;
      return true;
    }
    if (!reader.Read(&part)) {
      RETURN_IF_ERROR(scope.Check());
      if (size_bytes == header.size_bytes()) return false;
      return InvalidArgument("the upload ended after {} bytes, its header says {}", size_bytes,
                             header.size_bytes());
    }
    if (!part.has_data()) return InvalidArgument("a second header in one AddDocument stream");
    if (part.data().size() > kMaxPartBytes) {
      return InvalidArgument("a part has {} bytes, at most {} are taken", part.data().size(),
                             kMaxPartBytes);
    }
    size_bytes += static_cast<int64_t>(part.data().size());
    if (size_bytes > max_document_bytes_) {
      return InvalidArgument("the document has more than {} bytes", max_document_bytes_);
    }
    hasher.Update(part.data());
    return true;
  };
  ASSIGN_OR_RETURN(v1::AddDocumentResponse response, retrieval_->AddDocument(scope, next));
  request.record().set_request_sha256(HexEncode(hasher.Finish()));
  return response;
}

grpc::Status KnowledgeService::ListDocuments(grpc::ServerContext* context,
                                             const v1::ListDocumentsRequest* request,
                                             v1::ListDocumentsResponse* response) {
  return Serve(
      environment_, context, "hadal.v1.Knowledge/ListDocuments", request,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeList, request->knowledge_base()));
        if (request->page_size() < 0 || request->page_size() > kMaxPageSize) {
          return InvalidArgument("page_size must be within 0 (default) and {}, got {}",
                                 kMaxPageSize, request->page_size());
        }
        ASSIGN_OR_RETURN(*response,
                         retrieval_->ListDocuments(scope, admitted.principal(), *request));
        admitted.record().set_answer_sha256(DigestOf(*response));
        return OkStatus();
      });
}

grpc::Status KnowledgeService::DeleteDocument(grpc::ServerContext* context,
                                              const v1::DeleteDocumentRequest* request,
                                              v1::DeleteDocumentResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/DeleteDocument", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(
                     actions::kKnowledgeRemove,
                     fmt::format("{}/{}", request->knowledge_base(), request->document_id())));
                 ASSIGN_OR_RETURN(
                     *response, retrieval_->DeleteDocument(scope, admitted.principal(), *request));
                 NoteReceipt(admitted, response->receipt());
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::Search(grpc::ServerContext* context,
                                      const v1::SearchRequest* request,
                                      v1::SearchResponse* response) {
  return Serve(
      environment_, context, "hadal.v1.Knowledge/Search", request,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeSearch, request->knowledge_base()));
        ASSIGN_OR_RETURN(internal::v1::SearchResponse found,
                         SearchFor(admitted, scope, *retrieval_, *request));
        for (internal::v1::Hit& hit : *found.mutable_hits()) {
          if (request->explain()) *hit.mutable_chunk()->mutable_scores() = ScoresOf(hit);
          *response->add_hits() = std::move(*hit.mutable_chunk());
        }
        if (request->explain()) {
          *response->mutable_filter() = ExplainFilter(admitted.principal(), found.chunks_allowed());
        }
        response->set_complete(found.complete());
        response->set_chunks_pending(found.chunks_pending());
        response->set_chunks_examined(found.chunks_examined());
        admitted.record().set_answer_sha256(DigestOf(*response));
        return OkStatus();
      });
}

}  // namespace hadal::gateway
