#pragma once

#include "auth/audit_log.h"
#include "hadal/v1/audit.grpc.pb.h"
#include "services/gateway/rpc_api/serve.h"

namespace hadal::gateway {

/// hadal.v1.Audit. Reading the log is itself a request with a record. Thread-safe.
class AuditService final : public v1::Audit::Service {
 public:
  AuditService(const ServeEnvironment& environment, const auth::AuditLog* log)
      : environment_(environment), log_(log) {}

  /// newest_first: from `start` (0: the newest) towards the beginning. A call looks at no more than
  /// 100,000 records and returns no more than about 4 MiB, so it may return fewer than asked.
  grpc::Status ListRecords(grpc::ServerContext* context, const v1::ListRecordsRequest* request,
                           v1::ListRecordsResponse* response) override;
  grpc::Status Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                      v1::VerifyResponse* response) override;
  /// Up to the size the log had when the export began, its own record included.
  grpc::Status Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportResponse>* writer) override;
  grpc::Status GetInclusionProof(grpc::ServerContext* context,
                                 const v1::GetInclusionProofRequest* request,
                                 v1::GetInclusionProofResponse* response) override;

 private:
  Status List(const v1::ListRecordsRequest& request, const CallScope& scope,
              v1::ListRecordsResponse& response) const;
  Status Stream(uint64_t first, uint64_t end, const CallScope& scope,
                grpc::ServerWriter<v1::ExportResponse>& writer) const;

  const ServeEnvironment environment_;
  const auth::AuditLog* const log_;
};

}  // namespace hadal::gateway
