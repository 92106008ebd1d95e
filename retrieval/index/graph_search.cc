#include "retrieval/index/graph_search.h"

#include <algorithm>
#include <array>
#include <functional>

#include "retrieval/index/dense_scan.h"
#include "retrieval/index/fused_search.h"
#include "retrieval/index/graph.h"
#include "retrieval/index/lexical_search.h"
#include "retrieval/index/ranking.h"
#include "retrieval/index/row_codes.h"

namespace hadal::retrieval {
namespace {

// Candidates of each channel, at least.
constexpr size_t kCandidates = 128;
// A node in a walk costs as much as this many rows in a scan: it is somewhere else in memory.
constexpr int64_t kRowsPerNode = 3;
// Nodes looked at for each that is found, when all are allowed.
constexpr int64_t kNodesPerHit = 16;

// Of each language: its deviation is then known to a hundredth.
constexpr size_t kSample = 8192;

const Graph* GraphOf(const Segment& segment, uint8_t language) {
  for (const Graph& graph : segment.graphs()) {
    if (segment.languages()[graph.slots()[0]] == language) return &graph;
  }
  return nullptr;
}

class GraphSearch {
 public:
  GraphSearch(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts)
      : query_(query),
        k_(k),
        count_(std::max(2 * k, kCandidates)),
        parts_(parts),
        coded_(query.vector),
        lexical_(query.terms, parts) {}

  IndexResult Run() {
    const std::vector<LexicalHit> hits = lexical_.Best(count_);
    std::vector<size_t> positions;
    for (const LexicalHit& hit : hits) positions.push_back(hit.position);
    for (const SearchPart& part : parts_) AddNearest(part, positions);
    std::sort(positions.begin(), positions.end());
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());

    const LanguageScaling scaling = SampleScaling();
    const std::vector<Contender> contenders = Contenders(positions);
    std::array<double, LanguageScaling::kNoVector + 1> best_dense{};
    for (const Contender& contender : contenders) {
      double& best = best_dense[contender.group];
      best = std::max(best, scaling(contender.cosine, contender.group));
    }
    const Ranking ranking(scaling, lexical_, hits, best_dense);
    result_.best = Rank(contenders, k_, parts_, lexical_, ranking);
    result_.chunks_allowed = static_cast<int64_t>(parts_.back().end());
    result_.complete = false;
    return std::move(result_);
  }

 private:
  void AddNearest(const SearchPart& part, std::vector<size_t>& positions) {
    for (const AllowedSlots::LanguageShare& share : part.allowed->languages()) {
      std::vector<GraphHit> hits;
      if (!Walk(part, share, hits)) Scan(part, share.language, hits);
      for (const GraphHit& hit : hits) {
        positions.push_back(part.first + part.allowed->position(hit.slot));
      }
    }
    if (part.segment->embedded().empty()) return;
    for (const uint32_t slot : part.allowed->slots()) {
      result_.chunks_pending += !part.segment->HasVector(slot);
    }
  }

  bool Walk(const SearchPart& part, const AllowedSlots::LanguageShare& share,
            std::vector<GraphHit>& hits) {
    const Graph* graph = GraphOf(*part.segment, share.language);
    if (graph == nullptr) return false;
    const int64_t budget = share.slots / kRowsPerNode;
    const int64_t expected =
        kNodesPerHit * static_cast<int64_t>(count_) * graph->nodes() / share.slots;
    if (expected > budget) return false;
    return graph->Search(coded_, part.segment->rows(), *part.allowed, count_, budget, hits,
                         result_.examined);
  }

  void Scan(const SearchPart& part, uint8_t language, std::vector<GraphHit>& best) {
    const auto better = [](const GraphHit& a, const GraphHit& b) {
      return a.cosine != b.cosine ? a.cosine > b.cosine : a.slot < b.slot;
    };
    const VectorRows rows = part.segment->rows();
    std::vector<uint32_t> batch;
    std::array<int32_t, 1024> products;
    const auto flush = [&] {
      FastestCodeKernels().scan(rows.codes, coded_, batch, products.data());
      for (size_t i = 0; i < batch.size(); ++i) {
        const float cosine =
            static_cast<float>(products[i]) * (coded_.scale() * rows.scales[batch[i]]);
        if (best.size() == count_ && !better({batch[i], cosine}, best.front())) continue;
        best.push_back({batch[i], cosine});
        std::push_heap(best.begin(), best.end(), better);
        if (best.size() <= count_) continue;
        std::pop_heap(best.begin(), best.end(), better);
        best.pop_back();
      }
      result_.examined += static_cast<int64_t>(batch.size());
      batch.clear();
    };
    for (const uint32_t slot : part.allowed->slots()) {
      if (part.segment->languages()[slot] != language || !part.segment->HasVector(slot)) continue;
      batch.push_back(slot);
      if (batch.size() == products.size()) flush();
    }
    flush();
  }

  LanguageScaling SampleScaling() const {
    std::vector<float> cosines;
    std::vector<uint16_t> groups;
    std::vector<float> weights;
    std::array<int32_t, AllowedSlots::kSample> products;
    const size_t step = std::max<size_t>(1, parts_.size() * AllowedSlots::kSample / kSample);
    for (const SearchPart& part : parts_) {
      const VectorRows rows = part.segment->rows();
      for (const AllowedSlots::LanguageShare& share : part.allowed->languages()) {
        std::vector<uint32_t> sample;
        for (size_t i = 0; i < share.sample.size(); i += step) sample.push_back(share.sample[i]);
        FastestCodeKernels().scan(rows.codes, coded_, sample, products.data());
        for (size_t i = 0; i < sample.size(); ++i) {
          if (!part.segment->HasVector(sample[i])) continue;
          cosines.push_back(static_cast<float>(products[i]) *
                            (coded_.scale() * rows.scales[sample[i]]));
          groups.push_back(share.language);
          weights.push_back(static_cast<float>(share.slots) / static_cast<float>(sample.size()));
        }
      }
    }
    return LanguageScaling(cosines, groups, weights);
  }

  std::vector<Contender> Contenders(absl::Span<const size_t> positions) const {
    const std::vector<float> cosines = ExactCosines(query_.vector, parts_, positions);
    std::vector<Contender> contenders;
    auto part = parts_.begin();
    for (size_t i = 0; i < positions.size(); ++i) {
      while (positions[i] >= part->end()) ++part;
      const uint32_t slot = part->slot(positions[i]);
      uint16_t group = LanguageScaling::kNoVector;
      if (part->segment->HasVector(slot)) group = part->segment->languages()[slot];
      contenders.push_back({positions[i], cosines[i], group});
    }
    return contenders;
  }

  const IndexQuery& query_;
  const size_t k_;
  const size_t count_;
  const absl::Span<const SearchPart> parts_;
  const CodedQuery coded_;
  const LexicalSearch lexical_;
  IndexResult result_;
};

bool GraphsCoverHalf(absl::Span<const SearchPart> parts) {
  size_t covered = 0;
  for (const SearchPart& part : parts) {
    for (const AllowedSlots::LanguageShare& share : part.allowed->languages()) {
      if (GraphOf(*part.segment, share.language) != nullptr) covered += share.slots;
    }
  }
  return !parts.empty() && covered * 2 >= parts.back().end();
}

}  // namespace

IndexResult SearchGraphs(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts) {
  if (!GraphsCoverHalf(parts)) return SearchExactly(query, k, parts);
  return GraphSearch(query, k, parts).Run();
}

}  // namespace hadal::retrieval
