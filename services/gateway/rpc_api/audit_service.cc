#include "services/gateway/rpc_api/audit_service.h"

#include <utility>

#include "auth/actions.h"
#include "base/hex.h"

namespace hadal::gateway {
namespace {

namespace actions = auth::actions;

constexpr int32_t kDefaultLimit = 100;
constexpr int32_t kMaxLimit = 1000;
constexpr uint64_t kMaxScanned = 100000;
constexpr size_t kMaxListBytes = 4 << 20;  // far below gRPC's message limit
constexpr size_t kExportBatchBytes = 1 << 20;

void FillEntry(auth::StoredAuditRecord stored, v1::AuditEntry& entry) {
  entry.set_index(stored.position.index);
  entry.set_leaf_hash(HexEncode(stored.position.leaf_hash));
  *entry.mutable_record() = std::move(stored.record);
}

}  // namespace

grpc::Status AuditService::ListRecords(grpc::ServerContext* context,
                                       const v1::ListRecordsRequest* request,
                                       v1::ListRecordsResponse* response) {
  return Serve(environment_, context, "hadal.v1.Audit/ListRecords", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kAuditList, request->principal()));
                 return List(*request, scope, *response);
               });
}

Status AuditService::List(const v1::ListRecordsRequest& request, const CallScope& scope,
                          v1::ListRecordsResponse& response) const {
  if (request.limit() < 0 || request.limit() > kMaxLimit) {
    return InvalidArgument("limit must be within 0 (default) and {}, got {}", kMaxLimit,
                           request.limit());
  }
  const int32_t limit = request.limit() == 0 ? kDefaultLimit : request.limit();
  const uint64_t size = log_->size();
  response.set_tree_size(size);
  const bool down = request.newest_first();
  if (size == 0 || (!down && request.start() >= size)) return OkStatus();
  uint64_t index = request.start();
  if (down && (index == 0 || index >= size)) index = size - 1;
  size_t bytes = 0;
  for (uint64_t scanned = 0; scanned < kMaxScanned; ++scanned) {
    if (scanned % 1024 == 0) RETURN_IF_ERROR(scope.Check());
    ASSIGN_OR_RETURN(auth::StoredAuditRecord stored, log_->Get(index));
    if (request.principal().empty() || stored.record.principal() == request.principal()) {
      v1::AuditEntry& entry = *response.add_entries();
      FillEntry(std::move(stored), entry);
      bytes += entry.ByteSizeLong();
      if (response.entries_size() == limit || bytes >= kMaxListBytes) break;
    }
    if (down ? index == 0 : index + 1 == size) break;
    index = down ? index - 1 : index + 1;
  }
  return OkStatus();
}

grpc::Status AuditService::Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                                  v1::VerifyResponse* response) {
  return Serve(environment_, context, "hadal.v1.Audit/Verify", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kAuditVerify, ""));
                 ASSIGN_OR_RETURN(const auth::AuditVerification verified, log_->Verify());
                 response->set_ok(verified.problems.empty());
                 response->set_records(verified.records);
                 response->set_root_hash(HexEncode(verified.root_hash));
                 for (const std::string& problem : verified.problems) {
                   response->add_problems(problem);
                 }
                 (*admitted.record().mutable_attributes())["verified"] =
                     verified.problems.empty() ? "true" : "false";
                 return OkStatus();
               });
}

grpc::Status AuditService::Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                                  grpc::ServerWriter<v1::ExportResponse>* writer) {
  return Serve(environment_, context, "hadal.v1.Audit/Export", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kAuditExport, ""));
                 ASSIGN_OR_RETURN(const auth::AuditPosition position, admitted.Close(OkStatus()));
                 return Stream(request->start(), position.index + 1, scope, *writer);
               });
}

Status AuditService::Stream(uint64_t first, uint64_t end, const CallScope& scope,
                            grpc::ServerWriter<v1::ExportResponse>& writer) const {
  v1::ExportResponse batch;
  size_t batch_bytes = 0;
  for (uint64_t index = first; index < end; ++index) {
    ASSIGN_OR_RETURN(auth::StoredAuditRecord stored, log_->Get(index));
    v1::AuditEntry& entry = *batch.add_entries();
    FillEntry(std::move(stored), entry);
    batch_bytes += entry.ByteSizeLong();
    if (batch_bytes < kExportBatchBytes && index + 1 < end) continue;
    RETURN_IF_ERROR(scope.Check());
    if (!writer.Write(batch)) return Cancelled("the caller went away");
    batch.Clear();
    batch_bytes = 0;
  }
  return OkStatus();
}

grpc::Status AuditService::GetInclusionProof(grpc::ServerContext* context,
                                             const v1::GetInclusionProofRequest* request,
                                             v1::GetInclusionProofResponse* response) {
  return Serve(
      environment_, context, "hadal.v1.Audit/GetInclusionProof", request,
      [&](RequestContext& admitted, CallScope&) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kAuditProve, std::to_string(request->index())));
        ASSIGN_OR_RETURN(const auth::InclusionProof proof, log_->ProveInclusion(request->index()));
        response->set_tree_size(proof.tree_size);
        response->set_leaf_hash(HexEncode(proof.leaf_hash));
        response->set_root_hash(HexEncode(proof.root_hash));
        for (const std::string& node : proof.path) response->add_path(HexEncode(node));
        return OkStatus();
      });
}

}  // namespace hadal::gateway
