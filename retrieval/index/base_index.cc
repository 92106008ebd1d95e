#include "retrieval/index/base_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

// All filters' slot lists of one base together; beyond it the cache starts afresh. 64 MiB hold
// eight filters over a million chunks, or thousands over ten thousand.
constexpr size_t kMaxCachedBytes = size_t{64} << 20;
// Below it dead slots cost less than a rebuild.
constexpr uint64_t kMinDeadSlots = 1024;

}  // namespace

BaseIndex::BaseIndex(int32_t dim)
    : dim_(dim),
      dense_(std::make_unique<DenseIndex>(dim)),
      labels_(std::make_unique<LabelClasses>()),
      languages_{""} {}

uint8_t BaseIndex::InternLanguage(const std::string& language) {
  const auto it = std::find(languages_.begin(), languages_.end(), language);
  if (it != languages_.end()) return static_cast<uint8_t>(it - languages_.begin());
  if (languages_.size() > 255) return 0;  // scaled with the chunks of no known language
  languages_.push_back(language);
  return static_cast<uint8_t>(languages_.size() - 1);
}

void BaseIndex::Replace(ChunkRange removed, const Label& label,
                        absl::Span<const IndexedChunk> added, absl::Span<const float> vectors) {
  const bool embedded = !vectors.empty();
  CHECK(!embedded || vectors.size() == added.size() * static_cast<size_t>(dim_));
  absl::MutexLock lock(&mu_);
  RemoveRange(removed);
  if (embedded) dense_->Add(vectors);
  for (const IndexedChunk& chunk : added) {
    CHECK(slots_.empty() || slots_.back().number < chunk.number);
    const uint32_t slot = static_cast<uint32_t>(slots_.size());
    const uint32_t label_class = labels_->Add(label, slot, chunk.terms.length);
    if (label_class == class_labels_.size()) class_labels_.push_back(label);
    slots_.push_back({chunk.number, label_class, InternLanguage(chunk.language), true, embedded});
    if (!embedded) dense_->AddEmpty();
    lexical_.Add(slot, chunk.terms);
  }
  CompactIfWorthIt();
  ForgetAllowed();
}

void BaseIndex::ForgetAllowed() {
  absl::MutexLock cache_lock(&cache_mu_);
  cache_.clear();
  cached_bytes_ = 0;
}

void BaseIndex::SetLabel(ChunkRange chunks, const Label& label) {
  absl::MutexLock lock(&mu_);
  for (auto it = FirstSlot(chunks.first);
       it != slots_.end() && it->number < chunks.first + chunks.count; ++it) {
    if (!it->live || class_labels_[it->label_class] == label) continue;
    const uint32_t slot = static_cast<uint32_t>(it - slots_.begin());
    labels_->Remove(it->label_class, slot, lexical_.length(slot));
    it->label_class = labels_->Add(label, slot, lexical_.length(slot));
    if (it->label_class == class_labels_.size()) class_labels_.push_back(label);
  }
  ForgetAllowed();
}

void BaseIndex::SetVectors(ChunkRange chunks, absl::Span<const float> vectors) {
  const size_t dim = static_cast<size_t>(dim_);
  CHECK(vectors.size() == chunks.count * dim);
  absl::MutexLock lock(&mu_);
  for (auto it = FirstSlot(chunks.first);
       it != slots_.end() && it->number < chunks.first + chunks.count; ++it) {
    const uint32_t slot = static_cast<uint32_t>(it - slots_.begin());
    dense_->Set(slot, vectors.subspan((it->number - chunks.first) * dim, dim));
    it->embedded = true;
  }
}

std::vector<BaseIndex::Slot>::iterator BaseIndex::FirstSlot(uint64_t number) {
  const auto below = [](const Slot& slot, uint64_t wanted) { return slot.number < wanted; };
  return std::lower_bound(slots_.begin(), slots_.end(), number, below);
}

void BaseIndex::RemoveRange(ChunkRange range) {
  auto it = FirstSlot(range.first);
  for (; it != slots_.end() && it->number < range.first + range.count; ++it) {
    if (!it->live) continue;
    const uint32_t slot = static_cast<uint32_t>(it - slots_.begin());
    labels_->Remove(it->label_class, slot, lexical_.length(slot));
    it->live = false;
    ++dead_slots_;
  }
}

void BaseIndex::CompactIfWorthIt() {
  if (dead_slots_ < kMinDeadSlots || dead_slots_ * 2 < slots_.size()) return;
  std::vector<uint32_t> new_slot(slots_.size(), AllowedSlots::kNone);
  std::vector<Slot> kept;
  auto dense = std::make_unique<DenseIndex>(dim_);
  auto labels = std::make_unique<LabelClasses>();
  std::vector<Label> class_labels;
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].live) continue;
    const uint32_t renumbered = static_cast<uint32_t>(kept.size());
    new_slot[slot] = renumbered;
    dense->Add(dense_->row(slot));
    Slot moved = slots_[slot];
    const Label& label = class_labels_[moved.label_class];
    moved.label_class = labels->Add(label, renumbered, lexical_.length(slot));
    if (moved.label_class == class_labels.size()) class_labels.push_back(label);
    kept.push_back(moved);
  }
  lexical_.Renumber(new_slot, static_cast<uint32_t>(kept.size()));
  dense_ = std::move(dense);
  labels_ = std::move(labels);
  class_labels_ = std::move(class_labels);
  slots_ = std::move(kept);
  dead_slots_ = 0;
}

std::shared_ptr<const AllowedSlots> BaseIndex::Allowed(const AccessFilter& filter) const {
  const std::string key = CanonicalKey(filter.clearance, filter.compartments, filter.groups);
  {
    absl::MutexLock lock(&cache_mu_);
    const auto it = cache_.find(key);
    if (it != cache_.end()) return it->second;
  }
  const LabelClasses::Opened opened = labels_->Open(filter);
  auto allowed = std::make_shared<AllowedSlots>();
  allowed->statistics = opened.statistics;
  allowed->slots.resize(opened.statistics.chunks);
  opened.slots.toUint32Array(allowed->slots.data());
  allowed->position.assign(slots_.size(), AllowedSlots::kNone);
  for (size_t i = 0; i < allowed->slots.size(); ++i) {
    allowed->position[allowed->slots[i]] = static_cast<uint32_t>(i);
  }
  const size_t bytes =
      key.size() + (allowed->slots.size() + allowed->position.size()) * sizeof(uint32_t);
  absl::MutexLock lock(&cache_mu_);
  if (cached_bytes_ + bytes > kMaxCachedBytes) {
    cache_.clear();
    cached_bytes_ = 0;
  }
  if (bytes <= kMaxCachedBytes && cache_.emplace(key, allowed).second) cached_bytes_ += bytes;
  return allowed;
}

IndexResult BaseIndex::Search(const IndexQuery& query, size_t k, const AccessFilter& filter) const {
  absl::ReaderMutexLock lock(&mu_);
  const std::shared_ptr<const AllowedSlots> allowed = Allowed(filter);
  IndexResult result;
  result.chunks_allowed = static_cast<int64_t>(allowed->slots.size());
  if (allowed->slots.empty()) return result;
  const std::vector<float> dense = dense_->Score(query.vector, allowed->slots);
  const LexicalScores lexical = lexical_.Score(query.terms, *allowed);
  std::vector<uint8_t> language(allowed->slots.size());
  std::vector<uint32_t> without_vector;
  for (size_t i = 0; i < language.size(); ++i) {
    const Slot& slot = slots_[allowed->slots[i]];
    language[i] = slot.language;
    if (!slot.embedded) without_vector.push_back(static_cast<uint32_t>(i));
  }
  result.chunks_pending = static_cast<int64_t>(without_vector.size());
  const std::vector<double> fused = FuseScores(dense, lexical.score, language, {}, without_vector);
  for (const uint32_t i : BestIndexes(fused, k)) {
    result.best.push_back({slots_[allowed->slots[i]].number, fused[i], dense[i], lexical.score[i],
                           lexical.coverage[i]});
  }
  return result;
}

int64_t BaseIndex::live_chunks() const {
  absl::ReaderMutexLock lock(&mu_);
  return static_cast<int64_t>(slots_.size() - dead_slots_);
}

}  // namespace hadal::retrieval
