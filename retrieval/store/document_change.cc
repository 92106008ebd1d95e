// What every change of a document goes through: records, chunks and files in one batch, then the
// index.

#include <utility>

#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"
#include "retrieval/store/version_rules.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

ChunkRange RangeOf(const DocumentRecord& version) {
  return {version.first_chunk_number(), static_cast<uint64_t>(version.num_chunks())};
}

bool SameChunks(const ChunkRange& a, const ChunkRange& b) {
  return a.count == b.count && (a.count == 0 || a.first == b.first);
}

}  // namespace

void KnowledgeStoreImpl::PutVectors(uint32_t base, const ChunkRange& range,
                                    absl::Span<const float> vectors, Database::Batch& batch) {
  for (uint64_t i = 0; i < range.count; ++i) {
    const size_t dim = vectors.size() / range.count;
    batch.Put(Table::kVectors, VectorKey(base, range.first + i),
              EncodeVector(vectors.subspan(i * dim, dim)));
  }
}

StatusOr<uint64_t> KnowledgeStoreImpl::TakeChunkNumbers(uint32_t base, uint64_t count,
                                                        StoreChange& change) {
  if (!change.next_chunk) {
    ASSIGN_OR_RETURN(change.next_chunk, ReadCounter(NextChunkKey(base)));
  }
  const uint64_t first = *change.next_chunk;
  *change.next_chunk += count;
  change.batch.Put(Table::kMeta, NextChunkKey(base), EncodeCounter(*change.next_chunk));
  return first;
}

void KnowledgeStoreImpl::DropVersion(uint32_t base, const DocumentRecord& version,
                                     StoreChange& change) {
  if (version.has_file()) --change.file_users[version.sha256()];
  const ChunkRange range = RangeOf(version);
  if (range.count == 0) return;
  for (uint64_t i = range.first; i < range.first + range.count; ++i) {
    change.batch.Delete(Table::kChunks, ChunkKey(base, i));
    change.batch.Delete(Table::kVectors, VectorKey(base, i));
  }
  change.batch.Delete(Table::kMeta, PendingKey(base, range.first));
  change.removed.push_back(range);
  change.chunks -= static_cast<int64_t>(range.count);
}

void KnowledgeStoreImpl::PutVersions(const Base& base, StoredDocument& stored,
                                     StoreChange& change) {
  const uint32_t number = base.record.number();
  const int64_t now_ms = NowMs();
  const size_t kept = CountKept(stored.versions, now_ms, base.record.keep_versions());
  const std::optional<size_t> newest = NewestEffective(stored.versions, now_ms);
  for (size_t i = 0; i < stored.versions.size(); ++i) {
    DocumentRecord& version = stored.versions[i];
    const std::string key = i == 0 ? DocumentKey(number, version.id())
                                   : OlderVersionKey(number, version.id(), version.version());
    if (i >= kept) {
      DropVersion(number, version, change);
      change.batch.Delete(Table::kDocuments, key);
      continue;
    }
    if (!newest || i <= *newest) {  // or again: the one that superseded it got a later date
      version.clear_superseded_unix_ms();
      version.clear_superseded_by();
    } else if (version.superseded_unix_ms() == 0) {
      version.set_superseded_unix_ms(now_ms);
      version.set_superseded_by(stored.versions[*newest].version());
    }
    change.batch.Put(Table::kDocuments, key, version.SerializeAsString());
  }
  stored.versions.resize(kept);
}

ChunkRange KnowledgeStoreImpl::IndexedRange(uint32_t base, const StoredDocument& stored) const {
  const DocumentRecord* newest = stored.newest();
  if (newest == nullptr) return {};
  return timetable_.Indexed({base, newest->id()}).value_or(RangeOf(*newest));
}

Status KnowledgeStoreImpl::CommitDocument(const Base& base, StoredDocument stored,
                                          ChunkRange before, const IndexFeed* fresh,
                                          StoreChange& change) {
  const uint32_t number = base.record.number();
  const std::optional<size_t> found = InForce(stored.versions, NowMs());
  const bool same = found && SameChunks(RangeOf(stored.versions[*found]), before);
  IndexFeed renumbered;
  const IndexFeed* feed = found == size_t{0} ? fresh : nullptr;
  if (found && !same && feed == nullptr) {
    ASSIGN_OR_RETURN(renumbered, Renumber(base, stored.versions[*found], change));
    feed = &renumbered;
  }
  PutVersions(base, stored, change);
  RETURN_IF_ERROR(Commit(base, change));

  const ChunkRange after = found ? RangeOf(stored.versions[*found]) : ChunkRange();
  if (same) {
    ASSIGN_OR_RETURN(const Label label, LabelFromProto(stored.versions[*found].label()));
    base.index->SetLabel(after, label);
  } else if (found) {
    FeedIndex(*feed, before, base);
  } else {
    base.index->Replace(before, Label(), {}, {});
  }
  const bool newest = SameChunks(after, RangeOf(stored.versions.front()));
  timetable_.Set({number, stored.versions.front().id()},
                 newest ? std::nullopt : std::optional<ChunkRange>(after),
                 NextChangeMs(stored.versions, NowMs()));
  return OkStatus();
}

void KnowledgeStoreImpl::FeedIndex(const IndexFeed& feed, ChunkRange removed, const Base& base) {
  BaseIndex& index = *base.index;
  const size_t dim = static_cast<size_t>(base.record.embedding_dim());
  const bool whole = feed.vectors.size() == feed.chunks.size() * dim;
  index.Replace(removed, feed.label, feed.chunks,
                whole ? absl::MakeConstSpan(feed.vectors) : absl::Span<const float>());
  if (whole || feed.vectors.empty()) return;
  index.SetVectors({feed.chunks.front().number, feed.vectors.size() / dim}, feed.vectors);
}

Status KnowledgeStoreImpl::Commit(const Base& base, StoreChange& change) {
  const uint32_t number = base.record.number();
  RETURN_IF_ERROR(CountFileUsers(number, change));
  // Before the commit: nobody may see a new version and take it for embedded.
  for (const PendingDocument& document : change.pending) pending_.Add(document);
  if (const Status committed = database_->Commit(change.batch); !committed.ok()) {
    for (const PendingDocument& document : change.pending) {
      pending_.Remove(PendingVectors::KeyOf(document));
    }
    return committed;
  }
  for (const ChunkRange& range : change.removed) pending_.Remove({number, range.first});
  absl::MutexLock lock(&mu_);
  Base& changed = bases_[base.record.id()];
  changed.documents += change.documents;
  changed.chunks += change.chunks;
  return OkStatus();
}

StatusOr<IndexFeed> KnowledgeStoreImpl::Renumber(const Base& base, DocumentRecord& version,
                                                 StoreChange& change) {
  const uint32_t number = base.record.number();
  const ChunkRange old = RangeOf(version);
  IndexFeed feed;
  ASSIGN_OR_RETURN(feed.label, LabelFromProto(version.label()));
  if (old.count == 0) return feed;
  ASSIGN_OR_RETURN(const uint64_t first, TakeChunkNumbers(number, old.count, change));
  const uint64_t pending = pending_.Chunks({number, old.first});
  for (uint64_t i = 0; i < old.count; ++i) {
    ASSIGN_OR_RETURN(const std::string value,
                     database_->Get(Table::kChunks, ChunkKey(number, old.first + i)));
    ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(value, "a chunk record"));
    record.set_number(first + i);
    change.batch.Put(Table::kChunks, ChunkKey(number, first + i), record.SerializeAsString());
    change.batch.Delete(Table::kChunks, ChunkKey(number, old.first + i));
    const Chunk chunk = ChunkOfRecord(std::move(record));
    feed.chunks.push_back(
        {first + i, chunk.language, tokenizer_->Count(PassageText(version.title(), chunk))});
    if (i >= old.count - pending) continue;
    ASSIGN_OR_RETURN(const std::string vector,
                     database_->Get(Table::kVectors, VectorKey(number, old.first + i)));
    RETURN_IF_ERROR(DecodeVector(vector, base.record.embedding_dim(), feed.vectors));
    change.batch.Put(Table::kVectors, VectorKey(number, first + i), vector);
    change.batch.Delete(Table::kVectors, VectorKey(number, old.first + i));
  }
  if (pending > 0) {
    change.batch.Delete(Table::kMeta, PendingKey(number, old.first));
    change.batch.Put(Table::kMeta, PendingKey(number, first), EncodeCounter(old.count - pending));
    change.pending.push_back(
        {base.record.id(), number, version.id(), {first, old.count}, old.count - pending});
  }
  change.removed.push_back(old);
  version.set_first_chunk_number(first);
  return feed;
}

Status KnowledgeStoreImpl::ApplyDates() {
  if (NowMs() < timetable_.next_change_ms()) return OkStatus();
  absl::MutexLock write_lock(&write_mu_);
  while (const auto due = timetable_.Due(NowMs())) {
    std::optional<Base> base;
    {
      absl::ReaderMutexLock lock(&mu_);
      for (const auto& [id, candidate] : bases_) {
        if (candidate.record.number() == due->first) base = candidate;
      }
    }
    ASSIGN_OR_RETURN(StoredDocument stored, FindDocument(due->first, due->second));
    if (!base || stored.versions.empty()) {
      timetable_.Forget(*due);
      continue;
    }
    StoreChange change;
    RETURN_IF_ERROR(NextSequence(change.batch).status());
    const ChunkRange before = IndexedRange(due->first, stored);
    RETURN_IF_ERROR(CommitDocument(*base, std::move(stored), before, nullptr, change));
  }
  return OkStatus();
}

}  // namespace hadal::retrieval
