#include "retrieval/index/base_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "retrieval/index/fused_search.h"
#include "retrieval/index/graph_search.h"
#include "retrieval/index/label_classes.h"

namespace hadal::retrieval {
namespace {

constexpr int64_t kMaxSealChunks = 1 << 24;
constexpr size_t kMaxModelBytes = 255;
// Below it dead slots cost less than a rebuild.
constexpr uint32_t kMinDeadSlots = 1024;

Status CheckOptions(const BaseIndexOptions& options) {
  if (options.dim < 1 || options.embedding_model.size() > kMaxModelBytes ||
      options.seal_chunks < 1 || options.seal_chunks > kMaxSealChunks ||
      !(options.max_dead_share > 0 && options.max_dead_share <= 1)) {
    return InvalidArgument(
        "an index of {} dimensions, a model's name of {} bytes, {} chunks a segment and a dead "
        "share of {}: expected at least 1, at most {}, 1 to {}, and above 0 to 1",
        options.dim, options.embedding_model.size(), options.seal_chunks, options.max_dead_share,
        kMaxModelBytes, kMaxSealChunks);
  }
  return OkStatus();
}

}  // namespace

BaseIndex::Member::Member(std::unique_ptr<MemorySegment> owned)
    : memory(std::move(owned)), state(*memory) {}

BaseIndex::Member::Member(std::unique_ptr<SealedSegment> owned)
    : sealed(std::move(owned)), state(*sealed) {}

const Segment& BaseIndex::Member::segment() const {
  return memory != nullptr ? static_cast<const Segment&>(*memory) : *sealed;
}

BaseIndex::BaseIndex(const BaseIndexOptions& options, std::unique_ptr<SegmentFolder> folder)
    : options_(options), folder_(std::move(folder)), languages_{""} {
  members_.push_back(std::make_unique<Member>(std::make_unique<MemorySegment>(options.dim)));
}

StatusOr<std::unique_ptr<BaseIndex>> BaseIndex::Open(const BaseIndexOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<SegmentFolder> folder;
  if (!options.folder.empty()) {
    ASSIGN_OR_RETURN(folder, SegmentFolder::Open(options.folder));
  }
  std::unique_ptr<BaseIndex> index(new BaseIndex(options, std::move(folder)));
  if (index->folder_ != nullptr) RETURN_IF_ERROR(index->OpenFiles());
  return index;
}

Status BaseIndex::OpenFiles() {
  ASSIGN_OR_RETURN(const std::vector<SegmentFolder::File> files, folder_->List());
  std::vector<std::string> useless;
  absl::MutexLock lock(&mu_);
  for (const SegmentFolder::File& file : files) {
    StatusOr<std::unique_ptr<SealedSegment>> segment = SealedSegment::Open(
        file.path, {options_.dim, options_.embedding_model, file.sequence}, options_.cipher.get());
    if (segment.ok() && (*segment)->FirstSlot(options_.end_chunk) < (*segment)->size()) {
      LogWarning("{} is of another history of the store and will be built anew", file.path);
      useless.push_back(file.path);
    } else if (segment.ok()) {
      TranslateLanguages(**segment);
      members_.insert(members_.begin(), std::make_unique<Member>(*std::move(segment)));
    } else if (absl::IsDataLoss(segment.status()) || absl::IsFailedPrecondition(segment.status())) {
      LogWarning("an index file is of no use and will be built anew from the store: {}",
                 StatusMessage(segment.status()));
      useless.push_back(file.path);
    } else {
      return segment.status();  // no descriptors, no permission: the file may be good
    }
  }
  return folder_->Remove(useless);
}

uint8_t BaseIndex::InternLanguage(const std::string& language) {
  const auto it = std::find(languages_.begin(), languages_.end(), language);
  if (it != languages_.end()) return static_cast<uint8_t>(it - languages_.begin());
  if (languages_.size() > 255) return 0;  // scaled with the chunks of no known language
  languages_.push_back(language);
  return static_cast<uint8_t>(languages_.size() - 1);
}

void BaseIndex::TranslateLanguages(SealedSegment& segment) {
  std::vector<uint8_t> numbers;
  for (const std::string& name : segment.language_names()) {
    numbers.push_back(InternLanguage(name));
  }
  segment.TranslateLanguages(numbers);
}

BaseIndex::Missing BaseIndex::Reconcile(absl::Span<const LiveRange> live) {
  Missing missing;
  absl::MutexLock lock(&mu_);
  CHECK(open().segment().size() == 0);
  for (const LiveRange& range : live) {
    std::vector<ChunkRange> gaps = {range.chunks};
    for (auto it = members_.rbegin(); it != members_.rend(); ++it) {  // newest first
      Member* const member = it->get();
      const absl::Span<const uint64_t> numbers = member->segment().numbers();
      std::vector<ChunkRange> still_missing;
      for (const ChunkRange& gap : gaps) {
        const uint32_t first = member->segment().FirstSlot(gap.first);
        const uint32_t end = member->segment().FirstSlot(gap.end());
        member->state.Revive(first, end, range.label);
        uint64_t next = gap.first;
        for (uint32_t slot = first; slot < end; ++slot) {
          if (numbers[slot] > next) still_missing.push_back({next, numbers[slot] - next});
          next = numbers[slot] + 1;
        }
        if (next < gap.end()) still_missing.push_back({next, gap.end() - next});
      }
      gaps = std::move(still_missing);
    }
    missing.chunks.insert(missing.chunks.end(), gaps.begin(), gaps.end());
  }
  return missing;
}

template <typename Change>
void BaseIndex::ForSlots(ChunkRange range, const Change& change) {
  if (range.count == 0) return;
  for (const std::unique_ptr<Member>& member : members_) {
    const uint32_t first = member->segment().FirstSlot(range.first);
    const uint32_t end = member->segment().FirstSlot(range.end());
    if (first < end) change(*member, first, end);
  }
}

void BaseIndex::Replace(ChunkRange removed, const Label& label,
                        absl::Span<const IndexedChunk> added, absl::Span<const float> vectors) {
  const size_t dim = static_cast<size_t>(options_.dim);
  CHECK(vectors.empty() || vectors.size() == added.size() * dim);
  absl::MutexLock lock(&mu_);
  ForSlots(removed,
           [](Member& member, uint32_t first, uint32_t end) { member.state.Kill(first, end); });
  MemorySegment& segment = *open().memory;
  const uint32_t first = segment.size();
  for (size_t i = 0; i < added.size(); ++i) {
    const absl::Span<const float> vector =
        vectors.empty() ? vectors : vectors.subspan(i * dim, dim);
    segment.Add(added[i].number, InternLanguage(added[i].language), added[i].terms, vector);
  }
  open().state.Revive(first, segment.size(), label);
  CompactOpen();
}

void BaseIndex::CompactOpen() {
  Member& old = open();
  const uint32_t dead = old.state.dead_slots();
  if (dead < kMinDeadSlots || dead * 2 < old.segment().size()) return;
  auto fresh = std::make_unique<Member>(std::make_unique<MemorySegment>(options_.dim));
  std::vector<uint32_t> kept;
  for (uint32_t slot = 0; slot < old.segment().size(); ++slot) {
    if (old.state.live(slot)) kept.push_back(slot);
  }
  CopyChunks(old.segment(), kept, *fresh->memory);
  for (uint32_t slot = 0; slot < kept.size(); ++slot) {
    fresh->state.Revive(slot, slot + 1, old.state.label(kept[slot]));
  }
  members_.back() = std::move(fresh);
}

void BaseIndex::SetVectors(ChunkRange chunks, absl::Span<const float> vectors) {
  const size_t dim = static_cast<size_t>(options_.dim);
  CHECK(vectors.size() == chunks.count * dim);
  absl::MutexLock lock(&mu_);
  ForSlots(chunks, [&](Member& member, uint32_t first, uint32_t end) {
    if (member.memory == nullptr) return;
    for (uint32_t slot = first; slot < end; ++slot) {
      if (member.memory->HasVector(slot)) continue;
      const uint64_t row = member.memory->numbers()[slot] - chunks.first;
      member.memory->SetVector(slot, vectors.subspan(row * dim, dim));
    }
  });
}

void BaseIndex::SetLabel(ChunkRange chunks, const Label& label) {
  absl::MutexLock lock(&mu_);
  ForSlots(chunks, [&](Member& member, uint32_t first, uint32_t end) {
    member.state.Relabel(first, end, label);
  });
}

IndexResult BaseIndex::Search(const IndexQuery& query, size_t k, const AccessFilter& filter) const {
  CHECK(query.vector.size() == static_cast<size_t>(options_.dim));
  const std::string key = CanonicalKey(filter.clearance, filter.compartments, filter.groups);
  absl::ReaderMutexLock lock(&mu_);
  std::vector<SearchPart> parts;
  size_t first = 0;
  for (const std::unique_ptr<Member>& member : members_) {
    SearchPart part = {&member->segment(), member->state.Allowed(filter, key), first};
    if (part.allowed->size() == 0) continue;
    first = part.end();
    parts.push_back(std::move(part));
  }
  return first <= options_.exact_chunks ? SearchExactly(query, k, parts)
                                        : SearchGraphs(query, k, parts);
}

BaseIndex::Generation BaseIndex::generation() const {
  Generation generation;
  if (folder_ == nullptr) return generation;
  absl::ReaderMutexLock lock(&mu_);
  generation.number = folder_->generation();
  for (const std::unique_ptr<Member>& member : members_) {
    if (member->sealed == nullptr) continue;
    const std::string& path = member->sealed->path();
    generation.files.push_back(path.substr(path.rfind('/') + 1));
    generation.dead_slots += member->state.dead_slots();
  }
  std::sort(generation.files.begin(), generation.files.end());
  return generation;
}

bool BaseIndex::InFiles(ChunkRange chunks) const {
  absl::ReaderMutexLock lock(&mu_);
  return std::any_of(members_.begin(), members_.end(), [&](const std::unique_ptr<Member>& member) {
    return member->sealed != nullptr &&
           member->sealed->FirstSlot(chunks.first) < member->sealed->FirstSlot(chunks.end());
  });
}

int64_t BaseIndex::live_chunks() const {
  absl::ReaderMutexLock lock(&mu_);
  int64_t live = 0;
  for (const std::unique_ptr<Member>& member : members_) live += member->state.live_slots();
  return live;
}

}  // namespace hadal::retrieval
