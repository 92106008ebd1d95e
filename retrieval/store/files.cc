// The bytes of files, each kept once a base, by digest, for as long as a record names it.

#include <algorithm>
#include <utility>

#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
// In one batch, which stands in memory twice.
constexpr size_t kPiecesInBatch = 8;

}  // namespace

StatusOr<int64_t> KnowledgeStoreImpl::FileUsers(uint32_t base, const std::string& sha256) const {
  const StatusOr<std::string> value = database_->Get(Table::kFiles, FileUsersKey(base, sha256));
  if (absl::IsNotFound(value.status())) return int64_t{0};
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(const uint64_t users, DecodeCounter(*value));
  return static_cast<int64_t>(users);
}

void KnowledgeStoreImpl::DropPieces(uint32_t base, const std::string& sha256,
                                    Database::Batch& batch) {
  const std::string prefix = FilePrefix(base, sha256);
  batch.DeleteRange(Table::kFiles, prefix, EndOfPrefix(prefix));
}

Status KnowledgeStoreImpl::PutPieces(uint32_t base, const std::string& sha256,
                                     std::string_view content) {
  const size_t pieces = std::max<size_t>(1, (content.size() + kPieceBytes - 1) / kPieceBytes);
  for (size_t begin = 0; begin < pieces; begin += kPiecesInBatch) {
    Database::Batch batch;
    if (begin == 0) {
      // What a longer file of this name may have left when it was interrupted.
      DropPieces(base, sha256, batch);
      batch.Put(Table::kMeta, UnfinishedFileKey(base, sha256), "");
    }
    for (size_t piece = begin; piece < std::min(begin + kPiecesInBatch, pieces); ++piece) {
      batch.Put(Table::kFiles, FilePieceKey(base, sha256, static_cast<uint32_t>(piece)),
                content.substr(piece * kPieceBytes, kPieceBytes));
    }
    RETURN_IF_ERROR(database_->Commit(batch));
  }
  return OkStatus();
}

StatusOr<std::string> KnowledgeStoreImpl::ReadFile(const std::string& base_id,
                                                   const std::string& sha256) const {
  ASSIGN_OR_RETURN(const uint32_t base, NumberOfBase(base_id));
  std::string content;
  uint32_t pieces = 0;
  const std::string prefix = FilePrefix(base, sha256);
  RETURN_IF_ERROR(
      database_->Scan(Table::kFiles, prefix, prefix,
                      [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
                        if (key != FilePieceKey(base, sha256, pieces)) {
                          return DataLoss(
                              "file {} of base {} lacks piece {}: the store is damaged; restore it "
                              "from a backup",
                              sha256, base_id, pieces);
                        }
                        ++pieces;
                        content.append(value);
                        return true;
                      }));
  if (pieces == 0) return NotFound("base {} keeps no file {}", base_id, sha256);
  return content;
}

Status KnowledgeStoreImpl::CountFileUsers(uint32_t base, StoreChange& change) {
  for (const auto& [sha256, more] : change.file_users) {
    if (more == 0) continue;
    ASSIGN_OR_RETURN(const int64_t before, FileUsers(base, sha256));
    const int64_t users = before + more;
    if (users > 0) {
      change.batch.Put(Table::kFiles, FileUsersKey(base, sha256),
                       EncodeCounter(static_cast<uint64_t>(users)));
      continue;
    }
    DropPieces(base, sha256, change.batch);
    change.batch.Delete(Table::kFiles, FileUsersKey(base, sha256));
    change.removed_files.push_back(sha256);
  }
  change.file_users.clear();
  return OkStatus();
}

Status KnowledgeStoreImpl::DropUnfinished() {
  std::vector<std::pair<uint32_t, std::string>> unfinished;
  RETURN_IF_ERROR(database_->Scan(Table::kMeta, UnfinishedFilesPrefix(), UnfinishedFilesPrefix(),
                                  [&](std::string_view key, std::string_view) -> StatusOr<bool> {
                                    ASSIGN_OR_RETURN(const uint32_t base, BaseOfKey(key));
                                    unfinished.emplace_back(
                                        base, key.substr(UnfinishedFileKey(base, "").size()));
                                    return true;
                                  }));
  for (const auto& [base, sha256] : unfinished) {
    Database::Batch batch;
    DropPieces(base, sha256, batch);
    batch.Delete(Table::kMeta, UnfinishedFileKey(base, sha256));
    RETURN_IF_ERROR(database_->Commit(batch));
  }
  return OkStatus();
}

}  // namespace hadal::retrieval
