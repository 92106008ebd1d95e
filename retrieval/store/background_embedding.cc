// The vectors of documents that became visible before they were embedded: one thread, one bounded
// batch after the other, each an atomic change of its own.

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "base/log.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

// What a kill costs at most, and how often a commit waits for the disk. The inference service cuts
// it into smaller pieces between which queries get their turn.
constexpr uint64_t kBatchChunks = 16;
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLongestPause = absl::Seconds(30);

}  // namespace

void KnowledgeStoreImpl::EmbedPending() {
  PendingVectors::Key from = {};
  absl::Duration pause = kFirstPause;
  while (const std::optional<PendingDocument> document = pending_.Next(from)) {
    from = PendingVectors::KeyOf(*document);
    const Status status = EmbedBatch(*document);
    if (status.ok()) {
      pause = kFirstPause;
      continue;
    }
    if (!pending_.Contains(from)) continue;  // deleted under the batch
    // The next document gets its turn: one that always fails holds up no other.
    ++from.second;
    if (!pending_.Pause(pause)) return;
    LogWarning("the vectors of a document in '{}' are still to be made, trying again: {}",
               document->base_id, StatusMessage(status));
    pause = std::min(2 * pause, kLongestPause);
  }
}

Status KnowledgeStoreImpl::EmbedBatch(const PendingDocument& document) {
  const uint64_t first = document.chunks.first + document.embedded;
  const uint64_t count = std::min(kBatchChunks, document.chunks.count - document.embedded);
  const ChunkRange range = {first, count};
  // A version is pending from just before its commit: wait for its writer.
  write_mu_.Lock();
  write_mu_.Unlock();
  ASSIGN_OR_RETURN(const std::vector<std::string> passages, ReadPassages(document, range));
  ASSIGN_OR_RETURN(const std::vector<float> vectors, Embed(passages, EmbedPriority::kBackground));

  const PendingVectors::Key key = PendingVectors::KeyOf(document);
  absl::MutexLock write_lock(&write_mu_);
  // Deleted or replaced meanwhile: nothing of it may be written any more.
  if (!pending_.Contains(key)) return OkStatus();
  ASSIGN_OR_RETURN(const Base base, FindBase(document.base_id));
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
  PutVectors(document.base, range, vectors, batch);
  const std::string pending_key = PendingKey(document.base, document.chunks.first);
  if (document.embedded + count == document.chunks.count) {
    batch.Delete(Table::kMeta, pending_key);
  } else {
    batch.Put(Table::kMeta, pending_key, EncodeCounter(document.embedded + count));
  }
  RETURN_IF_ERROR(database_->Commit(batch));
  base.index->SetVectors(range, vectors);
  pending_.Advance(key, count);
  return OkStatus();
}

StatusOr<std::vector<std::string>> KnowledgeStoreImpl::ReadPassages(const PendingDocument& document,
                                                                    const ChunkRange& range) const {
  std::vector<std::string> passages;
  std::optional<DocumentRecord> version;
  for (uint64_t number = range.first; number < range.first + range.count; ++number) {
    ASSIGN_OR_RETURN(const std::string value,
                     database_->Get(Table::kChunks, ChunkKey(document.base, number)));
    ASSIGN_OR_RETURN(ChunkRecord chunk, DecodeRecord<ChunkRecord>(value, "a chunk record"));
    if (!version) {
      ASSIGN_OR_RETURN(version,
                       FindVersion(document.base, document.document_id, chunk.document_version()));
    }
    if (!version) return UnknownDocument(document.document_id);
    passages.push_back(PassageText(version->title(), ChunkOfRecord(std::move(chunk))));
  }
  return passages;
}

}  // namespace hadal::retrieval
