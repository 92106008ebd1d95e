#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// What experts are placed on.
struct PlacementOptions {
  int32_t ranks = 1;
  int32_t slots_per_rank = 1;  ///< experts a rank holds; slots beyond num_experts are redundant
  int32_t nodes = 1;           ///< divides ranks; rank r is on node r / (ranks / nodes)
  int32_t groups = 1;          ///< expert groups of the router; divides the number of experts
};

/// Places the experts of one layer by how often they were chosen, load [num_experts] >= 0: the
/// heaviest are replicated, then the heaviest go to the lightest ranks. Where the nodes divide the
/// groups, groups are first spread over nodes, and experts replicated and placed inside their node:
/// a router that limits a token to few groups then sends it to few nodes. The published idea of
/// DeepSeek's EPLB (arXiv:2412.19437 §3.4.1 and its repository's description). The load of an
/// expert is taken as shared equally by its replicas. Deterministic: ties go to lower numbers.
/// INVALID_ARGUMENT when the slots are too few or do not divide, or a load is no number.
StatusOr<ExpertPlacement> BalanceExperts(absl::Span<const double> load,
                                         const PlacementOptions& options);

/// The load of each rank, an expert's being shared equally by its replicas.
std::vector<double> LoadOfRanks(const ExpertPlacement& placement, absl::Span<const double> load);

/// The load of the most loaded rank, of the mean; 1 is even. 1 without any load.
double Imbalance(const ExpertPlacement& placement, absl::Span<const double> load);

/// `wanted` with its nodes, and the ranks inside a node, exchanged so that ranks keep much of what
/// they hold in `now`: the loads stay as they are, fewer experts move. Deterministic.
ExpertPlacement KeepInPlace(const ExpertPlacement& now, const ExpertPlacement& wanted,
                            int32_t nodes);

/// How many experts ranks must load to get from `now` to `wanted`, all together.
int64_t CountLoads(const ExpertPlacement& now, const ExpertPlacement& wanted);

}  // namespace hadal::inference
