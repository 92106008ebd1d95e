#include "inference/moe/expert_parallel.h"

#include <random>
#include <thread>

#include "inference/comm/thread_ranks.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kHidden = 64;
constexpr int64_t kFfn = 32;
constexpr int32_t kExperts = 7;
constexpr int32_t kTopK = 3;

Device OneThread() { return Device(std::make_shared<ThreadPool>(1)); }

Expert MakeExpert(int32_t number) {
  const Device packer(std::make_shared<ThreadPool>(1));
  const auto matrix = [&](int64_t rows, int64_t cols, uint64_t seed) {
    auto packed = PackedMatrix::Pack(ElementType::kBF16, rows, cols,
                                     RandomStored(ElementType::kBF16, rows, cols, seed, 0.2f),
                                     PackPrecision::kStored, packer);
    EXPECT_OK(packed);
    return *std::move(packed);
  };
  const auto seed = static_cast<uint64_t>(10 * number);
  return {matrix(kFfn, kHidden, seed), matrix(kFfn, kHidden, seed + 1),
          matrix(kHidden, kFfn, seed + 2)};
}

std::vector<Expert> MakeExperts(const std::vector<int32_t>& numbers) {
  std::vector<Expert> experts;
  for (const int32_t number : numbers) experts.push_back(MakeExpert(number));
  return experts;
}

Routing RandomRouting(int64_t rows, uint64_t seed) {
  std::mt19937_64 random(seed);
  Routing routing;
  routing.top_k = kTopK;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int32_t> all = {0, 1, 2, 3, 4, 5, 6};
    std::shuffle(all.begin(), all.end(), random);
    std::sort(all.begin(), all.begin() + kTopK);
    routing.experts.insert(routing.experts.end(), all.begin(), all.begin() + kTopK);
    for (int k = 0; k < kTopK; ++k) {
      routing.weights.push_back(static_cast<float>(random() % 1000) / 500.0f);
    }
  }
  return routing;
}

/// What a rank with so many rows must get, computed with all experts at one place.
std::vector<float> Expected(int64_t rows, uint64_t seed) {
  std::vector<float> y(static_cast<size_t>(rows * kHidden), 0.5f);
  const auto x = RandomFloats(y.size(), seed);
  ExpertRunner(OneThread()).Run(MakeExperts({0, 1, 2, 3, 4, 5, 6}), RandomRouting(rows, seed),
                             ConstMatrixView(x.data(), rows, kHidden),
                             MatrixView(y.data(), rows, kHidden));
  return y;
}

TEST(ExpertParallel, GivesTheBitsOfOneRankWhereverExpertsAre) {
  const std::vector<ExpertPlacement> placements = {
      {{{0, 1, 2, 3, 4, 5, 6}}},           SpreadExperts(kExperts, {2, 1, 2}),
      SpreadExperts(kExperts, {4, 1, 4}),  SpreadExperts(kExperts, {4, 1, 2}),
      {{{6}, {0, 1, 2, 3, 4, 5}, {2, 6}}}, {{{0, 1, 2, 3, 4, 5, 6}, {5}, {0, 1, 2, 3, 4, 5, 6}}}};
  for (size_t p = 0; p < placements.size(); ++p) {
    const ExpertPlacement& placement = placements[p];
    auto ranks = CreateThreadRanks(static_cast<int32_t>(placement.experts_of_rank.size()),
                                   absl::Seconds(60));
    std::vector<std::thread> threads;
    for (size_t r = 0; r < ranks.size(); ++r) {
      threads.emplace_back([&, r] {
        const std::vector<Expert> experts = MakeExperts(placement.experts_of_rank[r]);
        ExpertParallel parallel(OneThread(), ranks[r].get());
        for (const int64_t unit : {0, 1, 40}) {  // no rows at all, at some ranks, at each
          const int64_t rows = unit * (static_cast<int64_t>(r + 2) % 3);
          const uint64_t seed = 100 * r + static_cast<uint64_t>(unit);
          std::vector<float> y(static_cast<size_t>(rows * kHidden), 0.5f);
          const auto x = RandomFloats(y.size(), seed);
          EXPECT_OK(parallel.Run(experts, placement, RandomRouting(rows, seed),
                                 ConstMatrixView(x.data(), rows, kHidden),
                                 MatrixView(y.data(), rows, kHidden)));
          EXPECT_TRUE(y == Expected(rows, seed)) << "placement " << p << " rank " << r;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(ExpertParallel, ARankThatLeftIsNamed) {
  auto ranks = CreateThreadRanks(2, absl::Seconds(60));
  ranks[1].reset();
  const ExpertPlacement placement = SpreadExperts(kExperts, {2, 1, 2});
  const std::vector<Expert> experts = MakeExperts(placement.experts_of_rank[0]);
  std::vector<float> y(kHidden);
  const std::vector<float> x(kHidden);
  EXPECT_STATUS(ExpertParallel(OneThread(), ranks[0].get())
                    .Run(experts, placement, RandomRouting(1, 1),
                         ConstMatrixView(x.data(), 1, kHidden), MatrixView(y.data(), 1, kHidden)),
                kUnavailable, "rank 1 is dead");
}

}  // namespace
}  // namespace hadal::inference
