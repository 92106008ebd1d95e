// The calls of hadal.v1.Knowledge that look after what is there: versions, reading again, proofs of
// deletion, exports.

#include <utility>

#include "auth/actions.h"
#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "services/gateway/filters/digest.h"
#include "services/gateway/rpc_api/knowledge_service.h"

namespace hadal::gateway {
namespace {

namespace actions = auth::actions;

constexpr size_t kMaxPartBytes = 1 << 20;

template <typename Request>
std::string ResourceOf(const Request& request) {
  return fmt::format("{}/{}", request.knowledge_base(), request.document_id());
}

template <typename Value>
void Note(RequestContext& admitted, const char* name, const Value& value) {
  (*admitted.record().mutable_attributes())[name] = fmt::format("{}", value);
}

}  // namespace

grpc::Status KnowledgeService::UpdateKnowledgeBase(grpc::ServerContext* context,
                                                   const v1::UpdateKnowledgeBaseRequest* request,
                                                   v1::KnowledgeBase* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/UpdateKnowledgeBase", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeCreate, request->id()));
                 Note(admitted, "keep_versions", request->keep_versions());
                 ASSIGN_OR_RETURN(*response, retrieval_->UpdateKnowledgeBase(scope, *request));
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::ListVersions(grpc::ServerContext* context,
                                            const v1::ListVersionsRequest* request,
                                            v1::ListVersionsResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/ListVersions", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeList, ResourceOf(*request)));
                 ASSIGN_OR_RETURN(*response,
                                  retrieval_->ListVersions(scope, admitted.principal(), *request));
                 admitted.record().set_answer_sha256(DigestOf(*response));
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::ReparseDocument(grpc::ServerContext* context,
                                               const v1::ReparseDocumentRequest* request,
                                               v1::ReparseDocumentResponse* response) {
  return Serve(environment_, context, "hadal.v1.Knowledge/ReparseDocument", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeAdd, ResourceOf(*request)));
                 ASSIGN_OR_RETURN(
                     *response, retrieval_->ReparseDocument(scope, admitted.principal(), *request));
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::PurgeDeleted(grpc::ServerContext* context,
                                            const v1::PurgeDeletedRequest* request,
                                            v1::PurgeDeletedResponse* response) {
  return Serve(long_environment_, context, "hadal.v1.Knowledge/PurgeDeleted", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStorePurge, ""));
                 ASSIGN_OR_RETURN(*response, retrieval_->PurgeDeleted(scope));
                 Note(admitted, "generation", response->generation());
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::VerifyDeleted(grpc::ServerContext* context,
                                             const v1::VerifyDeletedRequest* request,
                                             v1::VerifyDeletedResponse* response) {
  return Serve(long_environment_, context, "hadal.v1.Knowledge/VerifyDeleted", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStoreVerify,
                                                    std::to_string(request->sequence())));
                 ASSIGN_OR_RETURN(*response, retrieval_->VerifyDeleted(scope, *request));
                 Note(admitted, "gone", response->gone());
                 admitted.record().set_answer_sha256(DigestOf(*response));
                 return OkStatus();
               });
}

grpc::Status KnowledgeService::ExportKnowledgeBase(
    grpc::ServerContext* context, const v1::ExportKnowledgeBaseRequest* request,
    grpc::ServerWriter<v1::ExportKnowledgeBaseResponse>* writer) {
  return Serve(long_environment_, context, "hadal.v1.Knowledge/ExportKnowledgeBase", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStoreExport, request->id()));
                 RETURN_IF_ERROR(admitted.Close(OkStatus()).status());
                 return retrieval_->ExportKnowledgeBase(
                     scope, *request, [&](const v1::ExportKnowledgeBaseResponse& part) -> Status {
                       if (writer->Write(part)) return OkStatus();
                       return Cancelled("the reader of the export is gone");
                     });
               });
}

grpc::Status KnowledgeService::ImportKnowledgeBase(
    grpc::ServerContext* context, grpc::ServerReader<v1::ImportKnowledgeBaseRequest>* reader,
    v1::KnowledgeBase* response) {
  return Serve(
      long_environment_, context, "hadal.v1.Knowledge/ImportKnowledgeBase", nullptr,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        v1::ImportKnowledgeBaseRequest first;
        if (!reader->Read(&first) || first.part_case() != first.kId) {
          RETURN_IF_ERROR(scope.Check());
          return InvalidArgument("ImportKnowledgeBase starts with the id of the base to be made");
        }
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStoreImport, first.id()));
        auth::Sha256Hasher hasher;
        bool id_sent = false;
        const auto next = [&](v1::ImportKnowledgeBaseRequest& part) -> StatusOr<bool> {
          if (!std::exchange(id_sent, true)) {
            part = first;
            return true;
          }
          // The stream itself says where it ends: one that was cut short is refused.
          if (!reader->Read(&part)) return false;
          if (part.part_case() != part.kData || part.data().size() > kMaxPartBytes) {
            return InvalidArgument("expected parts of at most {} bytes behind the id",
                                   kMaxPartBytes);
          }
          hasher.Update(part.data());
          return true;
        };
        ASSIGN_OR_RETURN(*response, retrieval_->ImportKnowledgeBase(scope, next));
        admitted.record().set_request_sha256(HexEncode(hasher.Finish()));
        return OkStatus();
      });
}

grpc::Status KnowledgeService::GetStats(grpc::ServerContext* context,
                                        const v1::GetStatsRequest* request,
                                        v1::KnowledgeBaseStats* response) {
  return Serve(
      long_environment_, context, "hadal.v1.Knowledge/GetStats", request,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeList, request->id()));
        if (request->whole_base()) {
          RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStoreStats, request->id()));
        }
        ASSIGN_OR_RETURN(*response, retrieval_->GetStats(scope, admitted.principal(), *request));
        admitted.record().set_answer_sha256(DigestOf(*response));
        return OkStatus();
      });
}

grpc::Status KnowledgeService::ListNearDuplicates(grpc::ServerContext* context,
                                                  const v1::ListNearDuplicatesRequest* request,
                                                  v1::ListNearDuplicatesResponse* response) {
  return Serve(
      long_environment_, context, "hadal.v1.Knowledge/ListNearDuplicates", request,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeList, request->knowledge_base()));
        ASSIGN_OR_RETURN(*response,
                         retrieval_->ListNearDuplicates(scope, admitted.principal(), *request));
        admitted.record().set_answer_sha256(DigestOf(*response));
        return OkStatus();
      });
}

grpc::Status KnowledgeService::CreateSnapshot(grpc::ServerContext* context,
                                              const v1::CreateSnapshotRequest* request,
                                              v1::CreateSnapshotResponse* response) {
  return Serve(
      long_environment_, context, "hadal.v1.Knowledge/CreateSnapshot", request,
      [&](RequestContext& admitted, CallScope& scope) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKnowledgeStoreSnapshot, request->name()));
        ASSIGN_OR_RETURN(*response, retrieval_->CreateSnapshot(scope, *request));
        return OkStatus();
      });
}

}  // namespace hadal::gateway
