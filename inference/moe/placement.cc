#include "inference/moe/placement.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "base/check.h"

namespace hadal::inference {
namespace {

/// Something heavy: a group of experts, or one replica of an expert.
struct Item {
  int32_t id = 0;
  double weight = 0;
};

// Puts items into `bins` of equal numbers of items, the heaviest first, each into the lightest bin
// that has room and not the same id already. Where all with room have it, two are exchanged later.
std::vector<std::vector<Item>> Pack(std::vector<Item> items, int32_t bins) {
  CHECK(items.size() % static_cast<size_t>(bins) == 0);
  const size_t room = items.size() / static_cast<size_t>(bins);
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  std::vector<std::vector<Item>> packed(static_cast<size_t>(bins));
  std::vector<double> load(packed.size(), 0);
  for (const Item& item : items) {
    size_t best = packed.size();
    bool best_new = false;
    for (size_t b = 0; b < packed.size(); ++b) {
      if (packed[b].size() == room) continue;
      const bool fresh = std::none_of(packed[b].begin(), packed[b].end(),
                                      [&](const Item& other) { return other.id == item.id; });
      if (best == packed.size() || (fresh && !best_new) ||
          (fresh == best_new && load[b] < load[best])) {
        best = b;
        best_new = fresh;
      }
    }
    packed[best].push_back(item);
    load[best] += item.weight;
  }
  return packed;
}

// Replicas of `experts` for so many slots: each further slot goes to the expert whose replicas
// carry most, up to one on every rank.
std::vector<Item> Replicate(absl::Span<const int32_t> experts, absl::Span<const double> load,
                            size_t slots, int32_t ranks) {
  std::vector<int32_t> count(experts.size(), 1);
  const auto share = [&](size_t i) { return load[static_cast<size_t>(experts[i])] / count[i]; };
  for (size_t used = experts.size(); used < slots; ++used) {
    size_t heaviest = experts.size();
    for (size_t i = 0; i < experts.size(); ++i) {
      if (count[i] < ranks && (heaviest == experts.size() || share(i) > share(heaviest))) {
        heaviest = i;
      }
    }
    CHECK(heaviest < experts.size());
    ++count[heaviest];
  }
  std::vector<Item> items;
  for (size_t i = 0; i < experts.size(); ++i) {
    items.insert(items.end(), static_cast<size_t>(count[i]), Item{experts[i], share(i)});
  }
  return items;
}

bool Holds(const std::vector<Item>& bin, int32_t id) {
  return std::any_of(bin.begin(), bin.end(), [id](const Item& item) { return item.id == id; });
}

// A rank that was left with the same expert twice gives one to a rank without it, for something it
// lacks itself and that weighs most alike. Without such a rank its slot stays empty.
void SeparateReplicas(std::vector<std::vector<Item>>& bins) {
  for (std::vector<Item>& bin : bins) {
    for (size_t i = 0; i < bin.size(); ++i) {
      const int32_t id = bin[i].id;
      if (std::count_if(bin.begin(), bin.end(), [id](const Item& o) { return o.id == id; }) < 2) {
        continue;
      }
      Item* partner = nullptr;
      for (std::vector<Item>& other : bins) {
        if (Holds(other, id)) continue;
        for (Item& item : other) {
          if (Holds(bin, item.id)) continue;
          if (partner == nullptr ||
              std::fabs(item.weight - bin[i].weight) < std::fabs(partner->weight - bin[i].weight)) {
            partner = &item;
          }
        }
      }
      if (partner != nullptr) std::swap(*partner, bin[i]);
    }
  }
}

// The experts of one node onto its ranks, which are appended to `placement`.
void PlaceOnNode(absl::Span<const int32_t> experts, absl::Span<const double> load, int32_t ranks,
                 int32_t slots_per_rank, ExpertPlacement* placement) {
  std::vector<std::vector<Item>> bins =
      Pack(Replicate(experts, load,
                     static_cast<size_t>(ranks) * static_cast<size_t>(slots_per_rank), ranks),
           ranks);
  SeparateReplicas(bins);
  for (const std::vector<Item>& bin : bins) {
    std::vector<int32_t>& held = placement->experts_of_rank.emplace_back();
    for (const Item& item : bin) held.push_back(item.id);
    std::sort(held.begin(), held.end());
    held.erase(std::unique(held.begin(), held.end()), held.end());
  }
}

// For each set of `now` one of `wanted`, no two the same: those that share most are paired first.
std::vector<size_t> MatchSets(const std::vector<std::vector<int32_t>>& now,
                              const std::vector<std::vector<int32_t>>& wanted) {
  struct Pair {
    size_t shared, now, wanted;
  };
  std::vector<Pair> pairs;
  std::vector<int32_t> both;
  for (size_t i = 0; i < now.size(); ++i) {
    for (size_t j = 0; j < wanted.size(); ++j) {
      both.clear();
      std::set_intersection(now[i].begin(), now[i].end(), wanted[j].begin(), wanted[j].end(),
                            std::back_inserter(both));
      pairs.push_back({both.size(), i, j});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.shared > b.shared; });
  const size_t none = wanted.size();
  std::vector<size_t> match(now.size(), none);
  std::vector<char> taken(wanted.size(), 0);
  for (const Pair& pair : pairs) {
    if (match[pair.now] != none || taken[pair.wanted] != 0) continue;
    match[pair.now] = pair.wanted;
    taken[pair.wanted] = 1;
  }
  return match;
}

Status Check(absl::Span<const double> load, const PlacementOptions& options) {
  const auto experts = static_cast<int64_t>(load.size());
  const int64_t slots = int64_t{options.ranks} * options.slots_per_rank;
  if (experts == 0 || options.ranks < 1 || options.slots_per_rank < 1 || options.nodes < 1 ||
      options.groups < 1 || options.ranks % options.nodes != 0 || experts % options.groups != 0 ||
      slots < experts || options.slots_per_rank > experts) {
    return InvalidArgument(
        "{} experts in {} groups do not fit {} ranks of {} slots on {} nodes: expected groups to "
        "divide experts, nodes to divide ranks, a slot for every expert and no rank with more",
        experts, options.groups, options.ranks, options.slots_per_rank, options.nodes);
  }
  for (const double value : load) {
    if (!(value >= 0) || !std::isfinite(value)) {
      return InvalidArgument("the load of an expert is {}, expected a number >= 0", value);
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<ExpertPlacement> BalanceExperts(absl::Span<const double> load,
                                         const PlacementOptions& options) {
  RETURN_IF_ERROR(Check(load, options));
  const auto experts = static_cast<int32_t>(load.size());
  const int32_t group_size = experts / options.groups;
  // A node needs room for its groups, and no more slots a rank than it has experts.
  const bool by_node = options.nodes > 1 && options.groups % options.nodes == 0 &&
                       options.slots_per_rank <= experts / options.nodes;
  const int32_t nodes = by_node ? options.nodes : 1;
  std::vector<std::vector<int32_t>> of_node(static_cast<size_t>(nodes));
  if (by_node) {
    std::vector<Item> groups;
    for (int32_t g = 0; g < options.groups; ++g) {
      const double* first = load.data() + g * group_size;
      groups.push_back({g, std::accumulate(first, first + group_size, 0.0)});
    }
    const std::vector<std::vector<Item>> packed = Pack(std::move(groups), nodes);
    for (size_t n = 0; n < packed.size(); ++n) {
      for (const Item& group : packed[n]) {
        for (int32_t e = 0; e < group_size; ++e) of_node[n].push_back(group.id * group_size + e);
      }
      std::sort(of_node[n].begin(), of_node[n].end());
    }
  } else {
    of_node[0].resize(load.size());
    std::iota(of_node[0].begin(), of_node[0].end(), 0);
  }
  ExpertPlacement placement;
  for (const std::vector<int32_t>& here : of_node) {
    PlaceOnNode(here, load, options.ranks / nodes, options.slots_per_rank, &placement);
  }
  return placement;
}

std::vector<double> LoadOfRanks(const ExpertPlacement& placement, absl::Span<const double> load) {
  std::vector<int32_t> replicas(load.size(), 0);
  for (const std::vector<int32_t>& experts : placement.experts_of_rank) {
    for (const int32_t expert : experts) ++replicas[static_cast<size_t>(expert)];
  }
  std::vector<double> loads;
  for (const std::vector<int32_t>& experts : placement.experts_of_rank) {
    double sum = 0;
    for (const int32_t expert : experts) {
      sum += load[static_cast<size_t>(expert)] / replicas[static_cast<size_t>(expert)];
    }
    loads.push_back(sum);
  }
  return loads;
}

double Imbalance(const ExpertPlacement& placement, absl::Span<const double> load) {
  const std::vector<double> ranks = LoadOfRanks(placement, load);
  const double sum = std::accumulate(ranks.begin(), ranks.end(), 0.0);
  if (sum == 0) return 1;
  return *std::max_element(ranks.begin(), ranks.end()) * static_cast<double>(ranks.size()) / sum;
}

ExpertPlacement KeepInPlace(const ExpertPlacement& now, const ExpertPlacement& wanted,
                            int32_t nodes) {
  const size_t ranks = now.experts_of_rank.size();
  CHECK(wanted.experts_of_rank.size() == ranks && ranks % static_cast<size_t>(nodes) == 0);
  const size_t per_node = ranks / static_cast<size_t>(nodes);
  const auto by_node = [&](const ExpertPlacement& placement) {
    std::vector<std::vector<int32_t>> held(static_cast<size_t>(nodes));
    for (size_t r = 0; r < ranks; ++r) {
      const std::vector<int32_t>& experts = placement.experts_of_rank[r];
      held[r / per_node].insert(held[r / per_node].end(), experts.begin(), experts.end());
    }
    for (std::vector<int32_t>& experts : held) std::sort(experts.begin(), experts.end());
    return held;
  };
  const std::vector<size_t> node_of = MatchSets(by_node(now), by_node(wanted));
  ExpertPlacement placement;
  for (size_t n = 0; n < node_of.size(); ++n) {
    const auto ranks_of = [&](const ExpertPlacement& from, size_t node) {
      const auto first = from.experts_of_rank.begin() + static_cast<ptrdiff_t>(node * per_node);
      return std::vector<std::vector<int32_t>>(first, first + static_cast<ptrdiff_t>(per_node));
    };
    const auto there = ranks_of(wanted, node_of[n]);
    for (const size_t r : MatchSets(ranks_of(now, n), there)) {
      placement.experts_of_rank.push_back(there[r]);
    }
  }
  return placement;
}

int64_t CountLoads(const ExpertPlacement& now, const ExpertPlacement& wanted) {
  std::vector<int32_t> missing;
  for (size_t r = 0; r < wanted.experts_of_rank.size(); ++r) {
    const std::vector<int32_t>& held = now.experts_of_rank[r];
    const std::vector<int32_t>& needed = wanted.experts_of_rank[r];
    std::set_difference(needed.begin(), needed.end(), held.begin(), held.end(),
                        std::back_inserter(missing));
  }
  return static_cast<int64_t>(missing.size());
}

}  // namespace hadal::inference
