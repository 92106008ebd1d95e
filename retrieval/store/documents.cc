#include <algorithm>
#include <cmath>
#include <utility>

#include "base/hex.h"
#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

constexpr size_t kMaxDocumentIdBytes = 512;
constexpr int32_t kDefaultPageSize = 100;
// Chunks embedded between two looks at whether their base is still there.
constexpr size_t kEmbeddingBatch = 256;

Status CheckDocumentId(const std::string& id) {
  const auto control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; };
  if (id.empty() || id.size() > kMaxDocumentIdBytes || !IsValidUtf8(id) ||
      std::any_of(id.begin(), id.end(), control)) {
    return InvalidArgument(
        "document id of {} bytes: expected 1 to {} bytes of UTF-8 without control characters",
        id.size(), kMaxDocumentIdBytes);
  }
  return OkStatus();
}

bool SameDocument(const DocumentRecord& stored, const NewDocument& document) {
  const StatusOr<Label> label = LabelFromProto(stored.label());
  return stored.removed_unix_ms() == 0 && label.ok() && *label == document.label &&
         stored.title() == document.title && stored.sha256() == document.sha256 &&
         stored.text_sha256() == document.text_sha256 &&
         stored.num_chunks() == static_cast<int32_t>(document.chunks.size());
}

}  // namespace

// A document without chunks shares its first chunk number with the next document.
int32_t KnowledgeStoreImpl::PendingChunks(uint32_t base, const DocumentRecord& record) const {
  return record.num_chunks() == 0 ? 0 : pending_.Chunks({base, record.first_chunk_number()});
}

AddResult KnowledgeStoreImpl::Unchanged(uint32_t base, const DocumentRecord& stored) const {
  return {stored.version(), stored.num_chunks(), PendingChunks(base, stored), true};
}

StatusOr<DocumentInfo> KnowledgeStoreImpl::Describe(uint32_t base,
                                                    const DocumentRecord& record) const {
  ASSIGN_OR_RETURN(DocumentInfo info, InfoOfRecord(record));
  info.pending_chunks = PendingChunks(base, record);
  return info;
}

StatusOr<std::optional<DocumentRecord>> KnowledgeStoreImpl::FindRecord(
    uint32_t base, const std::string& document_id) const {
  const StatusOr<std::string> value =
      database_->Get(Table::kDocuments, DocumentKey(base, document_id));
  if (absl::IsNotFound(value.status())) return std::optional<DocumentRecord>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(DocumentRecord record,
                   DecodeRecord<DocumentRecord>(*value, "the record of " + document_id));
  return std::optional<DocumentRecord>(std::move(record));
}

StatusOr<DocumentRecord> KnowledgeStoreImpl::FindReadable(uint32_t base,
                                                          const std::string& document_id,
                                                          const AccessFilter& filter) const {
  ASSIGN_OR_RETURN(std::optional<DocumentRecord> record, FindRecord(base, document_id));
  if (!record || record->removed_unix_ms() != 0) return UnknownDocument(document_id);
  ASSIGN_OR_RETURN(const Label label, LabelFromProto(record->label()));
  if (!filter.Allows(label)) return UnknownDocument(document_id);
  return *std::move(record);
}

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
  return OkStatus();
}

StatusOr<AddResult> KnowledgeStoreImpl::AddDocument(const std::string& base_id,
                                                    const NewDocument& document) {
  RETURN_IF_ERROR(CheckNewDocument(document));
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  RETURN_IF_ERROR(CheckModel(base.record));
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> stored,
                   FindRecord(base.record.number(), document.id));
  if (stored && SameDocument(*stored, document)) return Unchanged(base.record.number(), *stored);
  ASSIGN_OR_RETURN(const Prepared prepared, Prepare(base_id, document));
  return Write(base_id, base, document, prepared);
}

// The slow part, under no lock: terms, and vectors from the inference service unless the document
// is so large that its words should not wait for them.
StatusOr<KnowledgeStoreImpl::Prepared> KnowledgeStoreImpl::Prepare(const std::string& base_id,
                                                                   const NewDocument& document) {
  Prepared prepared;
  const bool embed = static_cast<int64_t>(document.chunks.size()) <= options_.embed_first_chunks;
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

StatusOr<AddResult> KnowledgeStoreImpl::Write(const std::string& base_id, const Base& base,
                                              const NewDocument& document,
                                              const Prepared& prepared) {
  const uint32_t number = base.record.number();
  absl::MutexLock write_lock(&write_mu_);
  const StatusOr<Base> current = FindBase(base_id);
  if (!current.ok() || current->record.number() != number) return UnknownBase(base_id);
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> old, FindRecord(number, document.id));
  if (old && SameDocument(*old, document)) return Unchanged(number, *old);

  Database::Batch batch;
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(batch));
  ASSIGN_OR_RETURN(const uint64_t first, ReadCounter(NextChunkKey(number)));
  const uint64_t count = document.chunks.size();
  batch.Put(Table::kMeta, NextChunkKey(number), EncodeCounter(first + count));

  DocumentRecord record;
  record.set_id(document.id);
  record.set_version(old ? old->version() + 1 : 1);
  record.set_title(document.title);
  record.set_file_name(document.file_name);
  record.set_format(document.format);
  *record.mutable_label() = LabelToProto(document.label);
  record.set_sha256(document.sha256);
  record.set_text_sha256(document.text_sha256);
  record.set_size_bytes(document.size_bytes);
  record.set_characters(document.characters);
  record.set_pages(document.pages);
  record.set_added_unix_ms(NowMs());
  record.set_first_chunk_number(first);
  record.set_num_chunks(static_cast<int32_t>(count));
  record.set_sequence_number(sequence);
  batch.Put(Table::kDocuments, DocumentKey(number, document.id), record.SerializeAsString());

  std::vector<IndexedChunk> indexed;
  for (uint64_t i = 0; i < count; ++i) {
    const Chunk& chunk = document.chunks[i];
    ChunkRecord chunk_record = RecordOfChunk(chunk);
    chunk_record.set_number(first + i);
    chunk_record.set_document_id(document.id);
    chunk_record.set_document_version(record.version());
    chunk_record.set_ordinal(static_cast<int32_t>(i));
    batch.Put(Table::kChunks, ChunkKey(number, first + i), chunk_record.SerializeAsString());
    indexed.push_back({first + i, chunk.language, prepared.terms[i]});
  }
  const ChunkRange range = {first, count};
  const bool pending = count > 0 && prepared.vectors.empty();
  if (pending) {
    RETURN_IF_ERROR(RaiseFormat(kFormatWithPending, batch));
    batch.Put(Table::kMeta, PendingKey(number, first), EncodeCounter(0));
  } else {
    PutVectors(number, range, prepared.vectors, batch);
  }
  const ChunkRange removed = RemoveChunks(number, old, batch);
  // Before the commit: nobody may see the new version and take it for embedded.
  if (pending) pending_.Add({base_id, number, document.id, range, 0});
  if (const Status committed = database_->Commit(batch); !committed.ok()) {
    if (pending) pending_.Remove({number, first});
    return committed;
  }

  base.index->Replace(removed, document.label, indexed, prepared.vectors);
  if (removed.count > 0) pending_.Remove({number, removed.first});
  absl::MutexLock lock(&mu_);
  Base& changed = bases_[base_id];
  changed.documents += old && old->removed_unix_ms() == 0 ? 0 : 1;
  changed.chunks += static_cast<int64_t>(count) - static_cast<int64_t>(removed.count);
  return AddResult{record.version(), static_cast<int32_t>(count),
                   static_cast<int32_t>(pending ? count : 0), false};
}

void KnowledgeStoreImpl::PutVectors(uint32_t base, const ChunkRange& range,
                                    absl::Span<const float> vectors, Database::Batch& batch) {
  for (uint64_t i = 0; i < range.count; ++i) {
    const size_t dim = vectors.size() / range.count;
    batch.Put(Table::kVectors, VectorKey(base, range.first + i),
              EncodeVector(vectors.subspan(i * dim, dim)));
  }
}

ChunkRange KnowledgeStoreImpl::RemoveChunks(uint32_t base,
                                            const std::optional<DocumentRecord>& record,
                                            Database::Batch& batch) {
  if (!record || record->removed_unix_ms() != 0 || record->num_chunks() == 0) return {};
  const ChunkRange range = {record->first_chunk_number(),
                            static_cast<uint64_t>(record->num_chunks())};
  for (uint64_t i = range.first; i < range.first + range.count; ++i) {
    batch.Delete(Table::kChunks, ChunkKey(base, i));
    batch.Delete(Table::kVectors, VectorKey(base, i));
  }
  batch.Delete(Table::kMeta, PendingKey(base, range.first));
  return range;
}

StatusOr<int32_t> KnowledgeStoreImpl::DeleteDocument(const std::string& base_id,
                                                     const std::string& document_id,
                                                     const AccessFilter& filter) {
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  const uint32_t number = base.record.number();
  ASSIGN_OR_RETURN(const DocumentRecord record, FindReadable(number, document_id, filter));
  Database::Batch batch;
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(batch));
  DocumentRecord tombstone;
  tombstone.set_id(record.id());
  tombstone.set_version(record.version());
  tombstone.set_sequence_number(sequence);
  tombstone.set_removed_unix_ms(std::max<int64_t>(NowMs(), 1));
  batch.Put(Table::kDocuments, DocumentKey(number, document_id), tombstone.SerializeAsString());
  const ChunkRange removed = RemoveChunks(number, record, batch);
  RETURN_IF_ERROR(database_->Commit(batch));

  base.index->Replace(removed, Label(), {}, {});
  if (removed.count > 0) pending_.Remove({number, removed.first});
  absl::MutexLock lock(&mu_);
  Base& changed = bases_[base_id];
  --changed.documents;
  changed.chunks -= static_cast<int64_t>(removed.count);
  return static_cast<int32_t>(removed.count);
}

StatusOr<DocumentInfo> KnowledgeStoreImpl::GetDocument(const std::string& base_id,
                                                       const std::string& document_id,
                                                       const AccessFilter& filter) const {
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  ASSIGN_OR_RETURN(const DocumentRecord record,
                   FindReadable(base.record.number(), document_id, filter));
  return Describe(base.record.number(), record);
}

StatusOr<DocumentPage> KnowledgeStoreImpl::ListDocuments(const std::string& base_id,
                                                         const AccessFilter& filter,
                                                         int32_t page_size,
                                                         const std::string& page_token) const {
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  if (page_size < 0) return InvalidArgument("page_size is {}, expected 0 or more", page_size);
  const size_t wanted = static_cast<size_t>(
      std::min(page_size == 0 ? kDefaultPageSize : page_size, options_.max_documents_per_page));
  // The token names the last document shown, which its reader knows already.
  const StatusOr<std::string> after = HexDecode(page_token);
  if (!after.ok())
    return InvalidArgument("page_token was not made by an earlier page of this list");
  const std::string prefix = DocumentPrefix(base.record.number());
  std::string begin = prefix + *after;
  if (!after->empty()) begin.push_back('\0');  // the first key after it

  DocumentPage page;
  RETURN_IF_ERROR(
      database_->Scan(Table::kDocuments, prefix, begin,
                      [&](std::string_view, std::string_view value) -> StatusOr<bool> {
                        ASSIGN_OR_RETURN(const DocumentRecord record,
                                         DecodeRecord<DocumentRecord>(value, "a document record"));
                        if (record.removed_unix_ms() != 0) return true;
                        ASSIGN_OR_RETURN(DocumentInfo info, Describe(base.record.number(), record));
                        if (!filter.Allows(info.label)) return true;
                        if (page.documents.size() == wanted) {
                          page.next_page_token = HexEncode(page.documents.back().id);
                          return false;
                        }
                        page.documents.push_back(std::move(info));
                        return true;
                      }));
  return page;
}

}  // namespace hadal::retrieval
