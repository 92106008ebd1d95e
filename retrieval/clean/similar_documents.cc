#include "retrieval/clean/similar_documents.h"

#include <algorithm>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "base/check.h"

namespace hadal::retrieval {
namespace {

uint16_t Low(uint32_t value) { return static_cast<uint16_t>(value); }

/// The key of one band among all bands: FNV-1a over its number and its values.
uint32_t BandKey(size_t band, const uint16_t* values) {
  uint64_t hash = 0xcbf29ce484222325ULL ^ band;
  for (size_t i = 0; i < SimilarDocuments::kBandValues; ++i) {
    hash = (hash ^ values[band * SimilarDocuments::kBandValues + i]) * 0x100000001b3ULL;
  }
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

void SimilarDocuments::Add(uint64_t document, const MinHashSignature& signature) {
  if (signature.empty()) return;
  CHECK(signature.size() == kSignatureSize);
  Slot slot = static_cast<Slot>(documents_.size());
  if (free_.empty()) {
    documents_.push_back(document);
    values_.resize(values_.size() + kSignatureSize);
    older_.resize(older_.size() + kBands);
  } else {
    slot = free_.back();
    free_.pop_back();
    documents_[slot] = document;
  }
  CHECK(slot_of_.emplace(document, slot).second);
  uint16_t* values = &values_[size_t{slot} * kSignatureSize];
  std::transform(signature.begin(), signature.end(), values, Low);
  for (size_t band = 0; band < kBands; ++band) {
    const auto [newest, first] = newest_of_band_.emplace(BandKey(band, values), slot);
    older_[slot * kBands + band] = first ? kNone : newest->second;
    newest->second = slot;
  }
}

bool SimilarDocuments::Remove(uint64_t document) {
  const auto found = slot_of_.find(document);
  if (found == slot_of_.end()) return false;
  const Slot slot = found->second;
  slot_of_.erase(found);
  for (size_t band = 0; band < kBands; ++band) {
    const auto newest =
        newest_of_band_.find(BandKey(band, &values_[size_t{slot} * kSignatureSize]));
    const Slot older = older_[slot * kBands + band];
    if (newest->second == slot) {
      if (older == kNone) {
        newest_of_band_.erase(newest);
      } else {
        newest->second = older;
      }
      continue;
    }
    Slot before = newest->second;
    while (older_[before * kBands + band] != slot) before = older_[before * kBands + band];
    older_[before * kBands + band] = older;
  }
  free_.push_back(slot);
  return true;
}

double SimilarDocuments::Similarity(Slot slot, const MinHashSignature& signature) const {
  const uint16_t* values = &values_[size_t{slot} * kSignatureSize];
  size_t equal = 0;
  for (size_t i = 0; i < kSignatureSize; ++i) equal += values[i] == Low(signature[i]) ? 1 : 0;
  return static_cast<double>(equal) / kSignatureSize;
}

std::vector<SimilarDocument> SimilarDocuments::Find(const MinHashSignature& signature, double least,
                                                    size_t max_results) const {
  std::vector<SimilarDocument> similar;
  if (signature.empty()) return similar;
  CHECK(signature.size() == kSignatureSize);
  std::vector<uint16_t> values(kSignatureSize);
  std::transform(signature.begin(), signature.end(), values.begin(), Low);
  absl::flat_hash_set<Slot> compared;
  for (size_t band = 0; band < kBands; ++band) {
    const auto newest = newest_of_band_.find(BandKey(band, values.data()));
    Slot slot = newest == newest_of_band_.end() ? kNone : newest->second;
    // Every band has its share, so that one that all have in common does not hide the others.
    const size_t limit = kMaxCompared * (band + 1) / kBands;
    for (; slot != kNone && compared.size() < limit; slot = older_[slot * kBands + band]) {
      if (!compared.insert(slot).second) continue;
      const double similarity = Similarity(slot, signature);
      if (similarity >= least) similar.push_back({documents_[slot], similarity});
    }
  }
  std::sort(similar.begin(), similar.end(), [](const auto& a, const auto& b) {
    return std::tie(b.similarity, a.document) < std::tie(a.similarity, b.document);
  });
  if (similar.size() > max_results) similar.resize(max_results);
  return similar;
}

}  // namespace hadal::retrieval
