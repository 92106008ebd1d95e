// The calls of hadal.internal.v1.Retrieval that look after what is there: versions, reading again,
// proofs of deletion, exports, snapshots.

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "services/retrieval/messages.h"
#include "services/retrieval/service.h"
#include "services/rpc/status.h"

namespace hadal::retrieval_service {
namespace {

constexpr size_t kMaxNameBytes = 63;
constexpr double kNearlyTheSame = 0.8;
constexpr int32_t kDefaultNearDuplicates = 100;
constexpr int32_t kMaxNearDuplicates = 1000;

// One folder below the snapshots' own, and nothing else.
Status CheckSnapshotName(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return OkStatus();
  }
  return InvalidArgument("the snapshot's name has {} bytes: expected 1 to {} of a-z, 0-9, - and _",
                         name.size(), kMaxNameBytes);
}

}  // namespace

grpc::Status RetrievalService::UpdateKnowledgeBase(grpc::ServerContext*,
                                                   const v1::UpdateKnowledgeBaseRequest* request,
                                                   v1::KnowledgeBase* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const Status set = (*store)->SetKeepVersions(request->id(), request->keep_versions());
  if (!set.ok()) return rpc::ToGrpc(set);
  for (const retrieval::KnowledgeBaseInfo& base : (*store)->ListBases()) {
    if (base.id == request->id()) *response = BaseToProto(base);
  }
  return grpc::Status::OK;
}

grpc::Status RetrievalService::ListVersions(grpc::ServerContext*,
                                            const internal::v1::ListVersionsRequest* request,
                                            v1::ListVersionsResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const auto versions =
      (*store)->ListVersions(request->request().knowledge_base(), request->request().document_id(),
                             FilterFromProto(request->filter()));
  if (!versions.ok()) return rpc::ToGrpc(versions.status());
  for (const retrieval::DocumentInfo& version : *versions) {
    *response->add_versions() = DocumentToProto(version);
  }
  return grpc::Status::OK;
}

grpc::Status RetrievalService::ReparseDocument(grpc::ServerContext*,
                                               const internal::v1::ReparseDocumentRequest* request,
                                               v1::ReparseDocumentResponse*) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const v1::ReparseDocumentRequest& what = request->request();
  const StatusOr<uint64_t> upload = (*store)->Reparse(what.knowledge_base(), what.document_id(),
                                                      FilterFromProto(request->filter()));
  if (!upload.ok()) return rpc::ToGrpc(upload.status());
  return rpc::ToGrpc(Enqueue(**store, [&upload](const retrieval::UploadTask& task) {
    return task.upload.number == *upload;
  }));
}

Status RetrievalService::Enqueue(const retrieval::KnowledgeStore& store,
                                 const std::function<bool(const retrieval::UploadTask&)>& chosen) {
  ASSIGN_OR_RETURN(const std::vector<retrieval::UploadTask> waiting, store.WaitingUploads());
  for (const retrieval::UploadTask& task : waiting) {
    if (chosen(task)) uploads_.Add(task, absl::ZeroDuration());
  }
  return OkStatus();
}

grpc::Status RetrievalService::PurgeDeleted(grpc::ServerContext*, const v1::PurgeDeletedRequest*,
                                            v1::PurgeDeletedResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const StatusOr<uint64_t> generation = (*store)->Purge();
  if (generation.ok()) response->set_generation(*generation);
  return rpc::ToGrpc(generation.status());
}

grpc::Status RetrievalService::VerifyDeleted(grpc::ServerContext*,
                                             const v1::VerifyDeletedRequest* request,
                                             v1::VerifyDeletedResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const auto receipt = (*store)->FindReceipt(request->sequence());
  if (!receipt.ok()) return rpc::ToGrpc(receipt.status());
  const auto check = (*store)->VerifyDeleted(request->sequence(), request->text());
  if (!check.ok()) return rpc::ToGrpc(check.status());
  response->set_gone(check->gone);
  response->set_generation(check->generation);
  response->mutable_remains()->Add(check->remains.begin(), check->remains.end());
  *response->mutable_receipt() = ReceiptToProto(*receipt);
  return grpc::Status::OK;
}

grpc::Status RetrievalService::ExportKnowledgeBase(
    grpc::ServerContext*, const v1::ExportKnowledgeBaseRequest* request,
    grpc::ServerWriter<v1::ExportKnowledgeBaseResponse>* writer) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  v1::ExportKnowledgeBaseResponse message;
  return rpc::ToGrpc((*store)->Export(request->id(), [&](std::string_view part) -> Status {
    message.set_data(part.data(), part.size());
    return writer->Write(message) ? OkStatus() : Cancelled("the reader of the export is gone");
  }));
}

grpc::Status RetrievalService::ImportKnowledgeBase(
    grpc::ServerContext*, grpc::ServerReader<v1::ImportKnowledgeBaseRequest>* reader,
    v1::KnowledgeBase* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  v1::ImportKnowledgeBaseRequest message;
  if (!reader->Read(&message) || message.part_case() != message.kId) {
    return rpc::ToGrpc(
        InvalidArgument("the first message of ImportKnowledgeBase must be the new base's id"));
  }
  const std::string id = message.id();
  const auto next = [&]() -> StatusOr<std::string> {
    while (reader->Read(&message)) {
      if (message.part_case() != message.kData) return InvalidArgument("a second id in the import");
      if (!message.data().empty()) return std::move(*message.mutable_data());
    }
    return std::string();
  };
  const StatusOr<retrieval::KnowledgeBaseInfo> info = (*store)->Import(id, next);
  if (!info.ok()) return rpc::ToGrpc(info.status());
  *response = BaseToProto(*info);
  // Files that waited to be read where the base came from wait here too; if need be, for a restart.
  const Status queued =
      Enqueue(**store, [&id](const retrieval::UploadTask& task) { return task.base == id; });
  if (!queued.ok()) LogWarning("files of '{}' wait: {}", id, StatusMessage(queued));
  return grpc::Status::OK;
}

grpc::Status RetrievalService::GetStats(grpc::ServerContext*,
                                        const internal::v1::GetStatsRequest* request,
                                        v1::KnowledgeBaseStats* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const bool whole_base = request->request().whole_base();
  const auto stats = (*store)->Stats(
      request->request().id(),
      whole_base ? std::nullopt : std::optional(FilterFromProto(request->filter())));
  if (stats.ok()) *response = StatsToProto(*stats, whole_base);
  return rpc::ToGrpc(stats.status());
}

grpc::Status RetrievalService::ListNearDuplicates(
    grpc::ServerContext*, const internal::v1::ListNearDuplicatesRequest* request,
    v1::ListNearDuplicatesResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  const v1::ListNearDuplicatesRequest& what = request->request();
  if (what.max_results() < 0 || what.max_results() > kMaxNearDuplicates) {
    return rpc::ToGrpc(InvalidArgument("max_results is {}, expected 0 (for {}) to {}",
                                       what.max_results(), kDefaultNearDuplicates,
                                       kMaxNearDuplicates));
  }
  const auto found = (*store)->FindNearDuplicates(
      what.knowledge_base(),
      what.least_similarity() == 0 ? kNearlyTheSame : what.least_similarity(),
      what.max_results() == 0 ? kDefaultNearDuplicates : what.max_results(),
      FilterFromProto(request->filter()));
  if (!found.ok()) return rpc::ToGrpc(found.status());
  for (const retrieval::NearDuplicate& duplicate : found->duplicates) {
    *response->add_duplicates() = NearDuplicateToProto(duplicate);
  }
  response->set_found(found->found);
  return grpc::Status::OK;
}

grpc::Status RetrievalService::Snapshot(grpc::ServerContext*,
                                        const v1::CreateSnapshotRequest* request,
                                        v1::CreateSnapshotResponse* response) {
  const auto store = Store();
  if (!store.ok()) return rpc::ToGrpc(store.status());
  Status status = CheckSnapshotName(request->name());
  if (status.ok() && snapshot_folder_.empty()) {
    status = FailedPrecondition("this service was given no folder for snapshots");
  }
  if (status.ok()) status = MakeDirectories(snapshot_folder_, 0700);
  const std::string folder = snapshot_folder_ + "/" + request->name();
  if (status.ok()) status = (*store)->Snapshot(folder);
  if (status.ok()) response->set_folder(folder);
  return rpc::ToGrpc(status);
}

}  // namespace hadal::retrieval_service
