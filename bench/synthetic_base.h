#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "retrieval/index/base_index.h"

namespace hadal::retrieval {

/// A base as real ones are: chunks of a topic lie near each other, labels follow topics, few terms
/// are in most chunks and most in few (Zipf). Documents of 20 chunks. The reader "g<p>" may read
/// one chunk in p: whole topics for 10 and 100, whole documents for 1,000 and 10,000.
class SyntheticBase {
 public:
  static constexpr int32_t kDim = 384;
  static constexpr uint32_t kDocumentChunks = 20;
  static constexpr uint32_t kTopics = 2000;

  explicit SyntheticBase(uint32_t seed = 1) : random_(seed) {
    for (uint32_t i = 0; i < kTopics; ++i) topics_.push_back(Unit(RandomDirection()));
  }

  /// Adds one document.
  void AddDocument(BaseIndex& index) {
    const uint64_t document = next_ / kDocumentChunks;
    const uint32_t topic = static_cast<uint32_t>(random_() % kTopics);
    const Label label = LabelOf(document, topic);
    std::vector<IndexedChunk> chunks;
    std::vector<float> vectors;
    for (uint32_t i = 0; i < kDocumentChunks; ++i, ++next_) {
      chunks.push_back({next_, topic % 5 == 0 ? "en" : "zh", Terms(150)});
      const std::vector<float> vector = Near(topic);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    index.Replace({}, label, chunks, vectors);
    live_.push_back({{next_ - kDocumentChunks, kDocumentChunks}, label});
  }

  /// A question about a topic: the terms of a chunk, rare ones among them.
  IndexQuery Question() {
    IndexQuery query = {Near(static_cast<uint32_t>(random_() % kTopics)), {}};
    while (query.terms.size() < 20) {
      const TermId term = Term();
      if (std::find(query.terms.begin(), query.terms.end(), term) == query.terms.end()) {
        query.terms.push_back(term);
      }
    }
    return query;
  }

  static AccessFilter Reader(int64_t part) {
    return {Classification::kPublic, {}, {"g" + std::to_string(part)}};
  }

  const std::vector<BaseIndex::LiveRange>& live() const { return live_; }
  uint64_t chunks() const { return next_; }

 private:
  static Label LabelOf(uint64_t document, uint32_t topic) {
    Label label = {Classification::kPublic, {}, {"g1"}};
    if (topic % 10 == 3) label.groups.push_back("g10");
    if (topic % 100 == 7) label.groups.push_back("g100");
    if (document % 1000 == 11) label.groups.push_back("g1000");
    if (document % 10000 == 11) label.groups.push_back("g10000");
    return label;
  }

  std::vector<float> RandomDirection() {
    std::vector<float> vector(kDim);
    for (float& value : vector) value = normal_(random_);
    return vector;
  }

  static std::vector<float> Unit(std::vector<float> vector) {
    double norm = 0;
    for (const float value : vector) norm += double{value} * value;
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(norm));
    return vector;
  }

  // About 0.6 of the length is the topic's, as far apart as an embedding model's passages are.
  std::vector<float> Near(uint32_t topic) {
    const std::vector<float> noise = Unit(RandomDirection());
    std::vector<float> vector = topics_[topic];
    for (int32_t d = 0; d < kDim; ++d) vector[d] += noise[d];
    return Unit(std::move(vector));
  }

  TermId Term() {
    constexpr double kVocabulary = 500'000;
    return static_cast<TermId>(std::pow(kVocabulary, uniform_(random_)));
  }

  TermCounts Terms(int count) {
    std::vector<TermId> terms;
    for (int i = 0; i < count; ++i) terms.push_back(Term());
    return CountTerms(std::move(terms));
  }

  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::uniform_real_distribution<> uniform_;
  std::vector<std::vector<float>> topics_;
  std::vector<BaseIndex::LiveRange> live_;
  uint64_t next_ = 0;
};

}  // namespace hadal::retrieval
