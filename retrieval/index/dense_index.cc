#include "retrieval/index/dense_index.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>

#include "base/check.h"
#include "retrieval/index/dot_product.h"

namespace hadal::retrieval {
namespace {

struct RoaringSelector final : faiss::IDSelector {
  explicit RoaringSelector(const ::Roaring& allowed_slots) : allowed(allowed_slots) {}
  bool is_member(faiss::Index::idx_t id) const override {
    return id >= 0 && allowed.contains(static_cast<uint32_t>(id));
  }
  const ::Roaring& allowed;
};

}  // namespace

struct DenseIndex::Storage {
  explicit Storage(int32_t dim) : flat(dim) {}
  faiss::IndexFlatIP flat;
};

DenseIndex::DenseIndex(int32_t dim) : dim_(dim), storage_(std::make_unique<Storage>(dim)) {
  CHECK(dim > 0);
}

DenseIndex::~DenseIndex() = default;

void DenseIndex::Add(absl::Span<const float> vectors) {
  CHECK(vectors.size() % static_cast<size_t>(dim_) == 0);
  storage_->flat.add(static_cast<faiss::Index::idx_t>(vectors.size() / dim_), vectors.data());
}

void DenseIndex::AddEmpty() { Add(std::vector<float>(static_cast<size_t>(dim_), 0.0f)); }

void DenseIndex::Set(uint32_t slot, absl::Span<const float> vector) {
  CHECK(slot < size() && vector.size() == static_cast<size_t>(dim_));
  std::copy(vector.begin(), vector.end(), storage_->flat.get_xb() + size_t{slot} * dim_);
}

uint32_t DenseIndex::size() const { return static_cast<uint32_t>(storage_->flat.ntotal); }

absl::Span<const float> DenseIndex::row(uint32_t slot) const {
  CHECK(slot < size());
  return {storage_->flat.get_xb() + size_t{slot} * dim_, static_cast<size_t>(dim_)};
}

std::vector<float> DenseIndex::Score(absl::Span<const float> query,
                                     absl::Span<const uint32_t> slots) const {
  CHECK(query.size() == static_cast<size_t>(dim_));
  std::vector<float> scores(slots.size());
  FastestScoreRows()(storage_->flat.get_xb(), static_cast<size_t>(dim_), query.data(), slots,
                     scores.data());
  return scores;
}

std::vector<DenseHit> DenseIndex::SearchFaiss(absl::Span<const float> query, size_t k,
                                              const ::Roaring& allowed) const {
  CHECK(query.size() == static_cast<size_t>(dim_));
  const size_t wanted = std::min<size_t>(k, size());
  if (wanted == 0) return {};
  RoaringSelector selector(allowed);
  faiss::SearchParameters parameters;
  parameters.sel = &selector;
  std::vector<float> scores(wanted);
  std::vector<faiss::Index::idx_t> ids(wanted);
  storage_->flat.search(1, query.data(), static_cast<faiss::Index::idx_t>(wanted), scores.data(),
                        ids.data(), &parameters);
  std::vector<DenseHit> hits;
  for (size_t i = 0; i < wanted; ++i) {
    if (!selector.is_member(ids[i])) continue;  // -1: fewer than k were allowed
    hits.push_back({static_cast<uint32_t>(ids[i]), scores[i]});
  }
  return hits;
}

}  // namespace hadal::retrieval
