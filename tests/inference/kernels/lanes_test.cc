// Packing and multiplying on several lanes, of however many nodes this machine has.
#include <gtest/gtest.h>

#include <cstring>

#include "inference/kernels/matmul.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kCols = 256;

/// Lanes of so many workers, all on the cores there are.
Device OnLanes(const std::vector<int32_t>& workers) {
  std::vector<int32_t> cpus;
  for (const NumaNode& node : Topology::OfThisThread().nodes) {
    cpus.insert(cpus.end(), node.cpus.begin(), node.cpus.end());
  }
  std::vector<Lane> lanes;
  for (const int32_t count : workers) lanes.push_back({cpus, count});
  return Device(std::make_shared<ThreadPool>(std::move(lanes)));
}

struct Weights {
  std::vector<PackedMatrix> matrices;
  explicit Weights(const Device& device) {
    // Fewer groups than lanes, a group that is not full, many groups.
    const std::pair<ElementType, int64_t> shapes[] = {{ElementType::kQ5_0, 16},
                                                      {ElementType::kQ4_K, 37},
                                                      {ElementType::kBF16, 80},
                                                      {ElementType::kQ8_0, 1000}};
    for (const auto& [type, rows] : shapes) {
      auto packed = PackedMatrix::Pack(type, rows, kCols, RandomStored(type, rows, kCols, 5),
                                       PackPrecision::kStored, device);
      EXPECT_OK(packed);
      matrices.push_back(*std::move(packed));
    }
  }
};

std::vector<std::vector<float>> Multiply(const Device& device, const Weights& weights,
                                         int64_t rows) {
  std::vector<float> x(static_cast<size_t>(rows * kCols));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 7919) % 257) / 128 - 1;
  std::vector<std::vector<float>> results;
  std::vector<GroupedMatMulTask> tasks;
  results.reserve(weights.matrices.size());
  for (const PackedMatrix& weight : weights.matrices) {
    std::vector<float>& y = results.emplace_back(static_cast<size_t>(rows * weight.rows()));
    tasks.push_back({ConstMatrixView(x.data(), rows, kCols),
                     {&weight, nullptr, MatrixView(y.data(), rows, weight.rows()), false}});
  }
  GroupedMatMul(device, tasks);
  return results;
}

TEST(Lanes, GiveTheBitsOfOneThread) {
  const Device one = OnLanes({1});
  const Weights expected(one);
  for (const std::vector<int32_t>& workers :
       std::vector<std::vector<int32_t>>{{3}, {1, 1}, {3, 1}, {1, 1, 2, 1}}) {
    const Device device = OnLanes(workers);
    const Weights found(device);
    for (size_t m = 0; m < found.matrices.size(); ++m) {
      const PackedMatrix& matrix = found.matrices[m];
      ASSERT_EQ(std::memcmp(matrix.group(0), expected.matrices[m].group(0), matrix.size_bytes()),
                0);
    }
    for (const int64_t rows : {1, 5, 40}) {
      EXPECT_TRUE(Multiply(device, found, rows) == Multiply(one, expected, rows)) << rows;
    }
  }
}

}  // namespace
}  // namespace hadal::inference
