#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/checksum.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

// Chunks embedded between two looks at whether their base is still there.
constexpr size_t kEmbeddingBatch = 256;

uint32_t ChecksumOf(const std::vector<Chunk>& chunks) {
  uint32_t crc = 0;
  for (const Chunk& chunk : chunks) crc = Crc32c(RecordOfChunk(chunk).SerializeAsString(), crc);
  return crc;
}

bool SameText(const DocumentRecord& stored, const NewDocument& document) {
  return stored.removed_unix_ms() == 0 && stored.title() == document.title &&
         stored.sha256() == document.sha256 && stored.text_sha256() == document.text_sha256 &&
         stored.num_chunks() == static_cast<int32_t>(document.chunks.size());
}

/// What can change about a version without a change of its chunks.
void SetDescription(const NewDocument& document, DocumentRecord& record) {
  *record.mutable_label() = LabelToProto(document.label);
  record.set_file_name(document.file_name);
  record.set_given_title(document.given_title);
  record.set_settings(document.settings);
  record.set_effective_unix_ms(document.effective_unix_ms);
  record.set_expires_unix_ms(document.expires_unix_ms);
  record.clear_fields();
  for (const DocumentField& field : document.fields) {
    store::v1::DocumentField& added = *record.add_fields();
    added.set_name(field.name);
    added.set_value(field.value);
    added.set_normalized(field.normalized);
  }
  record.clear_signature();
  record.mutable_signature()->Add(document.signature.begin(), document.signature.end());
  record.clear_warnings();
  record.mutable_warnings()->Add(document.warnings.begin(), document.warnings.end());
}

bool SameDescription(const DocumentRecord& stored, const NewDocument& document) {
  DocumentRecord described = stored;
  SetDescription(document, described);
  return described.SerializeAsString() == stored.SerializeAsString();
}

DocumentRecord NewRecord(const NewDocument& document, int32_t version, int64_t now_ms) {
  DocumentRecord record;
  record.set_id(document.id);
  record.set_version(version);
  record.set_title(document.title);
  record.set_format(document.format);
  record.set_sha256(document.sha256);
  record.set_text_sha256(document.text_sha256);
  record.set_size_bytes(document.size_bytes);
  record.set_characters(document.characters);
  record.set_pages(document.pages);
  record.set_added_unix_ms(now_ms);
  record.set_num_chunks(static_cast<int32_t>(document.chunks.size()));
  record.set_chunks_checksum(ChecksumOf(document.chunks));
  record.set_parse_ms(document.parse_ms);
  SetDescription(document, record);
  return record;
}

}  // namespace

Status KnowledgeStoreImpl::CheckNewDocument(const NewDocument& document) const {
  RETURN_IF_ERROR(CheckDocumentId(document.id));
  if (document.label.classification == Classification::kNone) {
    return InvalidArgument("document '{}' has no classification: a label is never guessed",
                           document.id);
  }
  if (static_cast<int64_t>(document.chunks.size()) > options_.max_chunks_per_document) {
    return ResourceExhausted("document '{}' has {} chunks, at most {} are taken: split the file",
                             document.id, document.chunks.size(), options_.max_chunks_per_document);
  }
  return CheckDates(document.effective_unix_ms, document.expires_unix_ms);
}

// Records of the older layouts have no checksum: their chunks are read.
StatusOr<bool> KnowledgeStoreImpl::SameReading(uint32_t base, const DocumentRecord& stored,
                                               const NewDocument& document) const {
  if (!SameText(stored, document)) return false;
  const uint32_t checksum = ChecksumOf(document.chunks);
  if (stored.chunks_checksum() != 0) return stored.chunks_checksum() == checksum;
  std::vector<Chunk> chunks;
  for (uint64_t i = 0; i < document.chunks.size(); ++i) {
    ASSIGN_OR_RETURN(
        const std::string value,
        database_->Get(Table::kChunks, ChunkKey(base, stored.first_chunk_number() + i)));
    ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(value, "a chunk record"));
    chunks.push_back(ChunkOfRecord(std::move(record)));
  }
  return ChecksumOf(chunks) == checksum;
}

StatusOr<AddResult> KnowledgeStoreImpl::AddDocument(const std::string& base_id,
                                                    const NewDocument& document) {
  RETURN_IF_ERROR(CheckNewDocument(document));
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  RETURN_IF_ERROR(CheckModel(base.record));
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> stored,
                   FindRecord(base.record.number(), document.id));
  bool same = false;
  if (stored) {
    // It may go while it is looked at; Write() looks again.
    const StatusOr<bool> reading = SameReading(base.record.number(), *stored, document);
    same = reading.ok() && *reading;
  }
  std::optional<Prepared> prepared;
  if (!same) {
    ASSIGN_OR_RETURN(prepared, Prepare(base_id, document));
  }
  if (document.upload != 0) SetProgress(document.upload, DocumentState::kEmbedded);
  return Write(base_id, document, prepared);
}

// The slow part, under no lock: terms, and vectors from the inference service unless the document
// is so large that its words should not wait for them.
StatusOr<KnowledgeStoreImpl::Prepared> KnowledgeStoreImpl::Prepare(const std::string& base_id,
                                                                   const NewDocument& document) {
  Prepared prepared;
  const bool embed = static_cast<int64_t>(document.chunks.size()) <= options_.embed_first_chunks;
  const int64_t begin_ms = NowMs();
  for (size_t begin = 0; begin < document.chunks.size(); begin += kEmbeddingBatch) {
    const size_t end = std::min(begin + kEmbeddingBatch, document.chunks.size());
    std::vector<std::string> passages;
    for (size_t i = begin; i < end; ++i) {
      passages.push_back(PassageText(document.title, document.chunks[i]));
      prepared.terms.push_back(tokenizer_->Count(passages.back()));
    }
    if (!embed) continue;
    ASSIGN_OR_RETURN(const std::vector<float> vectors, Embed(passages, EmbedPriority::kForeground));
    prepared.vectors.insert(prepared.vectors.end(), vectors.begin(), vectors.end());
    RETURN_IF_ERROR(FindBase(base_id).status());
  }
  if (embed) prepared.embed_ms = NowMs() - begin_ms;
  return prepared;
}

StatusOr<std::vector<float>> KnowledgeStoreImpl::Embed(const std::vector<std::string>& passages,
                                                       EmbedPriority priority) {
  const size_t expected = passages.size() * static_cast<size_t>(embedder_->dim());
  ASSIGN_OR_RETURN(std::vector<float> vectors, embedder_->EmbedPassages(passages, priority));
  const auto finite = [](float value) { return std::isfinite(value); };
  if (vectors.size() != expected || !std::all_of(vectors.begin(), vectors.end(), finite)) {
    return Internal("the embedder returned {} numbers for {} passages, expected {} finite ones",
                    vectors.size(), passages.size(), expected);
  }
  return vectors;
}

StatusOr<AddResult> KnowledgeStoreImpl::Write(const std::string& base_id,
                                              const NewDocument& document,
                                              const std::optional<Prepared>& prepared) {
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  const uint32_t number = base.record.number();
  ASSIGN_OR_RETURN(StoredDocument stored, FindDocument(number, document.id));
  const DocumentRecord* newest = stored.newest();
  bool same = false;
  if (newest != nullptr) {
    ASSIGN_OR_RETURN(same, SameReading(number, *newest, document));
  }
  if (!same && !prepared) {
    return Cancelled("document '{}' was changed by another call meanwhile", document.id);
  }
  StoreChange change;
  ASSIGN_OR_RETURN(const int32_t attempts, TakeUpload(number, document, change));
  if (!same) return WriteVersion(base, document, *prepared, attempts, std::move(stored), change);
  const bool keeps_file = document.upload == 0 || newest->has_file();
  if (keeps_file && SameDescription(*newest, document)) {
    const AddResult unchanged = {newest->version(), newest->num_chunks(),
                                 PendingChunks(number, *newest), true, false};
    if (document.upload != 0) RETURN_IF_ERROR(Commit(base, change));
    return unchanged;
  }
  return Relabel(base, document, std::move(stored), change);
}

StatusOr<int32_t> KnowledgeStoreImpl::TakeUpload(uint32_t base, const NewDocument& document,
                                                 StoreChange& change) {
  if (document.upload == 0) return 0;
  ASSIGN_OR_RETURN(const std::optional<UploadRecord> upload, FindUpload(base, document.id));
  if (!upload || upload->sequence_number() != document.upload) {
    return Cancelled("the upload of '{}' was deleted or replaced meanwhile", document.id);
  }
  change.batch.Delete(Table::kDocuments, UploadKey(base, document.id));
  --change.file_users[upload->sha256()];
  return upload->attempts();
}

StatusOr<AddResult> KnowledgeStoreImpl::Relabel(const Base& base, const NewDocument& document,
                                                StoredDocument stored, StoreChange& change) {
  const uint32_t number = base.record.number();
  const ChunkRange before = IndexedRange(number, stored);
  DocumentRecord& newest = stored.versions.front();
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
  newest.set_sequence_number(sequence);
  newest.set_chunks_checksum(ChecksumOf(document.chunks));
  SetDescription(document, newest);
  if (document.upload != 0 && !newest.has_file()) {
    newest.set_has_file(true);
    ++change.file_users[document.sha256];
  }
  const AddResult result = {newest.version(), newest.num_chunks(), PendingChunks(number, newest),
                            false, true};
  RETURN_IF_ERROR(CommitDocument(base, std::move(stored), before, nullptr, change));
  return result;
}

StatusOr<AddResult> KnowledgeStoreImpl::WriteVersion(const Base& base, const NewDocument& document,
                                                     const Prepared& prepared, int32_t attempts,
                                                     StoredDocument stored, StoreChange& change) {
  const uint32_t number = base.record.number();
  const ChunkRange before = IndexedRange(number, stored);
  const uint64_t count = document.chunks.size();
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
  ASSIGN_OR_RETURN(const uint64_t first, TakeChunkNumbers(number, count, change));
  DocumentRecord record = NewRecord(document, stored.last_version + 1, NowMs());
  record.set_first_chunk_number(first);
  record.set_sequence_number(sequence);
  record.set_embed_ms(prepared.embed_ms);
  record.set_attempts(attempts);
  if (document.upload != 0) {
    record.set_has_file(true);
    ++change.file_users[document.sha256];
  }
  IndexFeed feed = {document.label, {}, prepared.vectors};
  for (uint64_t i = 0; i < count; ++i) {
    const Chunk& chunk = document.chunks[i];
    ChunkRecord chunk_record = RecordOfChunk(chunk);
    chunk_record.set_number(first + i);
    chunk_record.set_document_id(document.id);
    chunk_record.set_document_version(record.version());
    chunk_record.set_ordinal(static_cast<int32_t>(i));
    change.batch.Put(Table::kChunks, ChunkKey(number, first + i), chunk_record.SerializeAsString());
    feed.chunks.push_back({first + i, chunk.language, prepared.terms[i]});
  }
  const bool pending = count > 0 && prepared.vectors.empty();
  if (pending) {
    change.batch.Put(Table::kMeta, PendingKey(number, first), EncodeCounter(0));
    change.pending.push_back({base.record.id(), number, document.id, {first, count}, 0});
  } else {
    PutVectors(number, {first, count}, prepared.vectors, change.batch);
  }
  change.chunks += static_cast<int64_t>(count);
  if (stored.versions.empty()) ++change.documents;
  const AddResult result = {record.version(), static_cast<int32_t>(count),
                            static_cast<int32_t>(pending ? count : 0), false, false};
  stored.versions.insert(stored.versions.begin(), std::move(record));
  RETURN_IF_ERROR(CommitDocument(base, std::move(stored), before, &feed, change));
  return result;
}

}  // namespace hadal::retrieval
