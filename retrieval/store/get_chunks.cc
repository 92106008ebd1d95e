#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

constexpr size_t kMaxChunkIds = 100;
constexpr int32_t kMaxNeighbours = 16;

/// A chunk_id of a SearchHit taken apart.
struct ChunkName {
  std::string document_id;
  int32_t version = 0;
  int32_t ordinal = 0;
};

StatusOr<ChunkName> ParseChunkId(const std::string& id) {
  const size_t hash = id.rfind('#');
  const size_t dot = id.rfind('.');
  ChunkName name;
  const bool is_name = hash != std::string::npos && dot != std::string::npos && hash < dot &&
                       absl::SimpleAtoi(id.substr(hash + 1, dot - hash - 1), &name.version) &&
                       absl::SimpleAtoi(id.substr(dot + 1), &name.ordinal) && name.ordinal >= 0;
  if (!is_name) {
    return InvalidArgument(
        "'{}' is no chunk id: expected DOCUMENT#VERSION.ORDINAL, as a search returns it", id);
  }
  name.document_id = id.substr(0, hash);
  return name;
}

}  // namespace

StatusOr<std::vector<ChunkInPlace>> KnowledgeStoreImpl::GetChunks(
    const std::string& base_id, const std::vector<std::string>& chunk_ids, int32_t neighbours,
    const AccessFilter& filter) const {
  ASSIGN_OR_RETURN(const uint32_t number, NumberOfBase(base_id));
  if (chunk_ids.size() > kMaxChunkIds) {
    return InvalidArgument("{} chunk ids, expected at most {}", chunk_ids.size(), kMaxChunkIds);
  }
  if (neighbours < 0 || neighbours > kMaxNeighbours) {
    return InvalidArgument("neighbours is {}, expected 0 to {}", neighbours, kMaxNeighbours);
  }
  std::vector<ChunkInPlace> chunks;
  for (const std::string& id : chunk_ids) {
    ASSIGN_OR_RETURN(const ChunkName name, ParseChunkId(id));
    ASSIGN_OR_RETURN(const std::optional<DocumentRecord> version,
                     FindVersion(number, name.document_id, name.version));
    if (!version || name.ordinal >= version->num_chunks()) continue;
    ASSIGN_OR_RETURN(const DocumentInfo document, InfoOfRecord(*version));
    ASSIGN_OR_RETURN(const bool open, NewestAllows(number, *version, filter));
    if (!open || !filter.Allows(document.label)) continue;
    const auto load = [&](int32_t ordinal) {
      return LoadChunk(number, document,
                       version->first_chunk_number() + static_cast<uint64_t>(ordinal));
    };
    ChunkInPlace chunk;
    ASSIGN_OR_RETURN(std::optional<SearchHit> self, load(name.ordinal));
    if (!self) continue;  // dropped since its version's record was read
    chunk.chunk = *std::move(self);
    const int32_t first = std::max(chunk.chunk.chunk.section_first, name.ordinal - neighbours);
    const int32_t last = std::min(
        {chunk.chunk.chunk.section_last, name.ordinal + neighbours, version->num_chunks() - 1});
    for (int32_t ordinal = first; ordinal <= last; ++ordinal) {
      if (ordinal == name.ordinal) continue;
      ASSIGN_OR_RETURN(std::optional<SearchHit> beside, load(ordinal));
      if (!beside) continue;
      (ordinal < name.ordinal ? chunk.before : chunk.after).push_back(*std::move(beside));
    }
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

StatusOr<std::optional<SearchHit>> KnowledgeStoreImpl::LoadChunk(uint32_t base,
                                                                 const DocumentInfo& document,
                                                                 uint64_t number) const {
  const StatusOr<std::string> value = database_->Get(Table::kChunks, ChunkKey(base, number));
  if (absl::IsNotFound(value.status())) return std::optional<SearchHit>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(*value, "a chunk record"));
  return HitOf(document, std::move(record));
}

}  // namespace hadal::retrieval
