#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>
#include <omp.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/check.h"
#include "retrieval/index/graph.h"

namespace hadal::retrieval {
namespace {

constexpr int kUpperLinks = 16;
constexpr int kBuildWidth = 100;
// Floats count exactly so far.
constexpr size_t kMaxNodes = size_t{1} << 24;

/// FAISS asks its storage for distances: ours are between codes, and smaller is nearer.
struct CodeDistances final : faiss::DistanceComputer {
  CodeDistances(const VectorRows& all_rows, absl::Span<const uint32_t> of_nodes)
      : rows(all_rows), slots(of_nodes), stride(CodeStride(all_rows.dim)) {}

  void set_query(const float* x) override { query = static_cast<idx_t>(*x); }
  float operator()(idx_t i) override { return symmetric_dis(query, i); }
  float symmetric_dis(idx_t i, idx_t j) override {
    const size_t a = slots[static_cast<size_t>(i)];
    const size_t b = slots[static_cast<size_t>(j)];
    const int32_t product =
        FastestCodeKernels().dot(rows.codes + a * stride, rows.codes + b * stride, stride);
    return -static_cast<float>(product) * (rows.scales[a] * rows.scales[b]);
  }

  const VectorRows& rows;
  const absl::Span<const uint32_t> slots;
  const size_t stride;
  idx_t query = 0;
};

/// The rows as FAISS sees them: of one dimension, a node's number.
struct CodeStorage final : faiss::Index {
  CodeStorage(const VectorRows& all_rows, absl::Span<const uint32_t> of_nodes)
      : faiss::Index(1, faiss::METRIC_L2), rows(all_rows), slots(of_nodes) {}

  void add(idx_t n, const float*) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(idx_t, const float*, idx_t, float*, idx_t*,
              const faiss::SearchParameters*) const override {
    CHECK(false);  // only the graph is searched
  }
  faiss::DistanceComputer* get_distance_computer() const override {
    return new CodeDistances(rows, slots);
  }

  const VectorRows& rows;
  const absl::Span<const uint32_t> slots;
};

/// One thread inserts at a time: the graph is the same at every run.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  const int before_;
};

template <typename Value>
void Append(const std::vector<Value>& values, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
}

void Serialize(const faiss::HNSW& hnsw, absl::Span<const uint32_t> slots, std::string& bytes) {
  std::vector<uint32_t> upper_begin = {0};
  std::vector<int32_t> ground;
  std::vector<int32_t> upper;
  for (size_t node = 0; node < slots.size(); ++node) {
    const auto levels = static_cast<uint32_t>(hnsw.levels[node]);  // the ground counts
    for (uint32_t level = 0; level < levels; ++level) {
      size_t begin = 0;
      size_t end = 0;
      hnsw.neighbor_range(static_cast<faiss::HNSW::idx_t>(node), static_cast<int>(level), &begin,
                          &end);
      std::vector<int32_t>& lists = level == 0 ? ground : upper;
      lists.insert(lists.end(), hnsw.neighbors.begin() + static_cast<std::ptrdiff_t>(begin),
                   hnsw.neighbors.begin() + static_cast<std::ptrdiff_t>(end));
    }
    upper_begin.push_back(upper_begin.back() + levels - 1);
  }
  const GraphHeader header = {static_cast<uint32_t>(slots.size()), kUpperLinks, upper_begin.back(),
                              static_cast<uint32_t>(hnsw.entry_point)};
  bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  Append(std::vector<uint32_t>(slots.begin(), slots.end()), bytes);
  Append(upper_begin, bytes);
  Append(ground, bytes);
  Append(upper, bytes);
}

}  // namespace

void BuildGraph(const VectorRows& rows, absl::Span<const uint32_t> slots, std::string& bytes) {
  CHECK(!slots.empty() && slots.size() <= kMaxNodes);
  const OneThread one_thread;
  CodeStorage storage(rows, slots);
  faiss::IndexHNSW index(&storage, kUpperLinks);
  index.hnsw.efConstruction = kBuildWidth;
  std::vector<float> nodes(slots.size());
  for (size_t i = 0; i < nodes.size(); ++i) nodes[i] = static_cast<float>(i);
  index.add(static_cast<faiss::Index::idx_t>(nodes.size()), nodes.data());
  Serialize(index.hnsw, slots, bytes);
}

}  // namespace hadal::retrieval
