#include "inference/moe/placement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <numeric>
#include <random>

#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

// A few experts are chosen far more often than the others, as routers do.
std::vector<double> SkewedLoad(size_t experts, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> load(experts);
  for (size_t i = 0; i < experts; ++i) load[i] = 1000.0 / static_cast<double>(1 + i);
  std::shuffle(load.begin(), load.end(), random);
  return load;
}

void CheckValid(const ExpertPlacement& placement, const PlacementOptions& options, size_t experts) {
  ASSERT_EQ(placement.experts_of_rank.size(), static_cast<size_t>(options.ranks));
  std::vector<int32_t> replicas(experts, 0);
  size_t used = 0;
  for (const std::vector<int32_t>& held : placement.experts_of_rank) {
    EXPECT_LE(held.size(), static_cast<size_t>(options.slots_per_rank));
    EXPECT_GT(held.size(), 0u);
    for (size_t i = 0; i < held.size(); ++i) {
      EXPECT_TRUE(i == 0 || held[i] > held[i - 1]);
      ++replicas[static_cast<size_t>(held[i])];
    }
    used += held.size();
  }
  EXPECT_EQ(used, static_cast<size_t>(options.ranks * options.slots_per_rank));
  EXPECT_EQ(std::count(replicas.begin(), replicas.end(), 0), 0);
}

// The greedy's own bounds, on each node: no rank carries more than the mean and one heaviest
// replica, and no replica taken from one expert would have relieved the heaviest.
void CheckGreedy(const ExpertPlacement& placement, const std::vector<double>& load, size_t nodes) {
  std::vector<int32_t> replicas(load.size(), 0);
  for (const auto& held : placement.experts_of_rank) {
    for (const int32_t e : held) ++replicas[static_cast<size_t>(e)];
  }
  const std::vector<double> ranks = LoadOfRanks(placement, load);
  const size_t per_node = ranks.size() / nodes;
  for (size_t n = 0; n < nodes; ++n) {
    double total = 0, heaviest = 0, relieved = std::numeric_limits<double>::infinity();
    for (size_t r = n * per_node; r < (n + 1) * per_node; ++r) {
      total += ranks[r];
      for (const int32_t expert : placement.experts_of_rank[r]) {
        const auto e = static_cast<size_t>(expert);
        if (replicas[e] < static_cast<int32_t>(per_node)) {
          heaviest = std::max(heaviest, load[e] / replicas[e]);
        }
        if (replicas[e] > 1) relieved = std::min(relieved, load[e] / (replicas[e] - 1));
      }
    }
    EXPECT_GE(relieved, heaviest);
    for (size_t r = n * per_node; r < (n + 1) * per_node; ++r) {
      EXPECT_LE(ranks[r], total / static_cast<double>(per_node) + heaviest + 1e-9);
    }
  }
}

TEST(BalanceExperts, RedundantExpertsEvenOutASkewedLoad) {
  std::vector<double> worst(4, 1), plain(4, 1);
  const PlacementOptions cases[] = {{32, 9, 1, 8}, {32, 9, 4, 8}, {144, 2, 18, 8}, {8, 36, 2, 8}};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<double> load = SkewedLoad(256, seed);
    for (size_t i = 0; i < 4; ++i) {
      const PlacementOptions& options = cases[i];
      ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, BalanceExperts(load, options));
      CheckValid(placement, options, load.size());
      // 18 nodes do not divide 8 groups: all ranks are one.
      const bool by_node = options.groups % options.nodes == 0;
      CheckGreedy(placement, load, by_node ? static_cast<size_t>(options.nodes) : 1);
      worst[i] = std::max(worst[i], Imbalance(placement, load));
      const ParallelLayout layout{options.ranks, 1, options.ranks};
      plain[i] = std::max(plain[i], Imbalance(SpreadExperts(256, layout), load));
      ASSERT_OK_AND_ASSIGN(const ExpertPlacement again, BalanceExperts(load, options));
      EXPECT_EQ(again.experts_of_rank, placement.experts_of_rank);
    }
  }
  for (size_t i = 0; i < 4; ++i) {
    std::printf(
        "%d ranks of %d slots, %d nodes: most loaded rank %.2f of the mean, unplaced %.2f\n",
        cases[i].ranks, cases[i].slots_per_rank, cases[i].nodes, worst[i], plain[i]);
    EXPECT_LT(worst[i], plain[i] / 2);
  }
  EXPECT_LT(worst[0], 1.05);
}

TEST(BalanceExperts, GroupsStayOnTheirNodes) {
  const PlacementOptions options{32, 9, 4, 8};
  ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement,
                       BalanceExperts(SkewedLoad(256, 1), options));
  std::vector<int32_t> node_of_group(8, -1);
  std::vector<int32_t> groups_of_node(4, 0);
  for (int32_t rank = 0; rank < 32; ++rank) {
    for (const int32_t expert : placement.experts_of_rank[static_cast<size_t>(rank)]) {
      int32_t& node = node_of_group[static_cast<size_t>(expert / 32)];
      if (node < 0) {
        node = rank / 8;
        ++groups_of_node[static_cast<size_t>(node)];
      }
      EXPECT_EQ(node, rank / 8) << expert;
    }
  }
  EXPECT_EQ(groups_of_node, (std::vector<int32_t>{2, 2, 2, 2}));
}

TEST(BalanceExperts, TheHeaviestIsReplicated) {
  ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement,
                       BalanceExperts({90, 10, 10, 10, 20, 10}, {4, 2, 1, 1}));
  int32_t replicas = 0;
  for (const auto& held : placement.experts_of_rank) replicas += held.front() == 0;
  EXPECT_EQ(replicas, 3);
  EXPECT_NEAR(Imbalance(placement, {90, 10, 10, 10, 20, 10}), 40.0 * 4 / 150, 1e-9);
}

TEST(BalanceExperts, EvenAndAbsentLoads) {
  for (const double value : {0.0, 1.0}) {
    const std::vector<double> load(16, value);
    const PlacementOptions options{4, 5, 2, 4};
    ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, BalanceExperts(load, options));
    CheckValid(placement, options, load.size());
    ASSERT_OK_AND_ASSIGN(const ExpertPlacement plain, BalanceExperts(load, {4, 4, 1, 4}));
    for (const double rank : LoadOfRanks(plain, load)) EXPECT_EQ(rank, 4 * value);
  }
  const PlacementOptions everywhere{3, 2, 1, 1};
  ASSERT_OK_AND_ASSIGN(const ExpertPlacement all, BalanceExperts({5, 1}, everywhere));
  CheckValid(all, everywhere, 2);
}

// Against the best of all placements without redundancy, on cases small enough to try them all.
TEST(BalanceExperts, IsNearTheOptimum) {
  std::mt19937_64 random(5);
  double worst = 1;
  for (int round = 0; round < 50; ++round) {
    std::vector<double> load(6);
    for (double& value : load) value = static_cast<double>(random() % 100 + 1);
    double best = std::numeric_limits<double>::infinity();
    std::vector<double> ranks(3, 0);
    std::vector<int> held(3, 0);
    const std::function<void(size_t)> place = [&](size_t expert) {
      if (expert == load.size()) {
        best = std::min(best, *std::max_element(ranks.begin(), ranks.end()));
        return;
      }
      for (size_t r = 0; r < 3; ++r) {
        if (held[r] == 2) continue;
        ranks[r] += load[expert];
        ++held[r];
        place(expert + 1);
        ranks[r] -= load[expert];
        --held[r];
      }
    };
    place(0);
    ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, BalanceExperts(load, {3, 2, 1, 1}));
    const std::vector<double> found = LoadOfRanks(placement, load);
    worst = std::max(worst, *std::max_element(found.begin(), found.end()) / best);
  }
  std::printf("at most %.3f times the optimum\n", worst);
  EXPECT_LT(worst, 4.0 / 3);
}

TEST(BalanceExperts, RefusesWhatDoesNotFit) {
  const std::vector<double> load(8, 1);
  EXPECT_STATUS(BalanceExperts(load, {2, 3, 1, 1}), kInvalidArgument, "a slot for every expert");
  EXPECT_STATUS(BalanceExperts(load, {4, 2, 3, 1}), kInvalidArgument, "nodes to divide");
  EXPECT_STATUS(BalanceExperts(load, {4, 2, 1, 3}), kInvalidArgument, "groups to divide");
  EXPECT_STATUS(BalanceExperts(load, {2, 9, 1, 1}), kInvalidArgument, "no rank with more");
  EXPECT_STATUS(BalanceExperts({}, {1, 1, 1, 1}), kInvalidArgument, "0 experts");
  EXPECT_STATUS(BalanceExperts({1, -1}, {2, 1, 1, 1}), kInvalidArgument, "-1");
  EXPECT_STATUS(BalanceExperts({1, std::nan("")}, {2, 1, 1, 1}), kInvalidArgument, "nan");
}

TEST(Imbalance, IsTheMostLoadedRankOfTheMean) {
  const ExpertPlacement placement = {{{0, 1}, {1, 2}}};
  EXPECT_DOUBLE_EQ(Imbalance(placement, {3, 2, 0}), 4 / 2.5);
  EXPECT_DOUBLE_EQ(Imbalance(placement, {0, 0, 0}), 1);
}

// Balanced for a load that changed a little, few experts move; the loads are those of the balance.
TEST(KeepInPlace, ExchangesRanksInsideNodesAndNodes) {
  EXPECT_EQ(KeepInPlace({{{0, 1}, {2, 3}, {4, 5}, {6, 7}}}, {{{6, 7}, {4, 5}, {3, 2}, {0, 1}}}, 2)
                .experts_of_rank,
            (std::vector<std::vector<int32_t>>{{0, 1}, {3, 2}, {4, 5}, {6, 7}}));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    PlacementOptions options{16, 9, seed % 2 == 0 ? 1 : 4, 8};
    std::vector<double> load = SkewedLoad(128, seed);
    ASSERT_OK_AND_ASSIGN(const ExpertPlacement now, BalanceExperts(load, options));
    std::mt19937_64 random(seed);
    for (double& one : load) one *= 1 + 0.2 * static_cast<double>(random() % 100) / 100;
    ASSERT_OK_AND_ASSIGN(const ExpertPlacement best, BalanceExperts(load, options));
    const ExpertPlacement kept = KeepInPlace(now, best, options.nodes);
    CheckValid(kept, options, 128);
    EXPECT_DOUBLE_EQ(Imbalance(kept, load), Imbalance(best, load));
    EXPECT_LE(CountLoads(now, kept), CountLoads(now, best));
    EXPECT_LE(CountLoads(now, now), 0);
    auto sorted = [](ExpertPlacement placement) {
      std::sort(placement.experts_of_rank.begin(), placement.experts_of_rank.end());
      return placement.experts_of_rank;
    };
    EXPECT_EQ(sorted(kept), sorted(best));
  }
}

}  // namespace
}  // namespace hadal::inference
