#include "inference/constraint/configuration_table.h"

#include <algorithm>
#include <utility>

namespace hadal::inference {
namespace {

constexpr size_t kMaxVisited = 8 * ConfigurationTable::kMaxConfigurations;

}  // namespace

ConfigurationTable::ConfigurationTable(const Grammar* grammar) : grammar_(*grammar) {
  stacks_.push_back({kEmptyStack, /*return_to=*/-1, /*depth=*/0});
  Enter(grammar_.root, kEmptyStack);
  start_ = InternPending();
}

int32_t ConfigurationTable::Compute(int32_t state, uint8_t byte) {
  const size_t count = at(state).count;
  for (size_t i = 0; i < count; ++i) {
    const Configuration from = configurations_[at(state).first + i];
    const Grammar::Node& node = grammar_.at(from.node);
    const CharStep step = StepChar(node.spelling, node.edges, from.partial, byte);
    if (step.kind == CharStep::Kind::kEdge) {
      Enter(step.to, from.stack);
    } else if (step.kind == CharStep::Kind::kPartial) {
      pending_.configurations.push_back({from.node, step.partial, from.stack});
    }
  }
  const int32_t next = InternPending();
  rows_[static_cast<size_t>(state)][byte] = next;
  return next;
}

/// Adds what can be reached from (node, stack) without a character to the pending state.
void ConfigurationTable::Enter(int32_t node_id, int32_t stack_id) {
  const size_t begin = visited_.size();
  const auto visit = [this](int32_t node, int32_t on_stack) {
    // Too deep to come back up within the limit.
    if (stack(on_stack).depth + grammar_.at(node).need > Grammar::kMaxCallDepth) return;
    if (visited_.size() > kMaxVisited) return;
    if (visited_set_.emplace(node, on_stack).second) visited_.emplace_back(node, on_stack);
  };
  visit(node_id, stack_id);
  for (size_t i = begin; i < visited_.size(); ++i) {
    const auto [id, on_stack] = visited_[i];
    const Grammar::Node& node = grammar_.at(id);
    if (!node.edges.empty()) pending_.configurations.push_back({id, 0, on_stack});
    if (node.final && on_stack == kEmptyStack) {
      pending_.accepting = true;
    } else if (node.final) {
      visit(stack(on_stack).return_to, stack(on_stack).parent);
    }
    for (const int32_t to : node.epsilons) visit(to, on_stack);
    for (const Grammar::Call& call : node.calls) {
      if (grammar_.at(call.to).only_returns()) {  // right recursion needs no stack
        visit(call.rule, on_stack);
      } else if (stack(on_stack).depth + grammar_.at(call.to).need <= Grammar::kMaxCallDepth) {
        visit(call.rule, Push(on_stack, call.to));
      }
    }
  }
}

int32_t ConfigurationTable::Push(int32_t parent, int32_t return_to) {
  const auto [it, added] =
      stack_ids_.emplace(std::pair(parent, return_to), static_cast<int32_t>(stacks_.size()));
  if (added) stacks_.push_back({parent, return_to, stack(parent).depth + 1});
  return it->second;
}

/// The number of the pending state, which is then cleared.
int32_t ConfigurationTable::InternPending() {
  const bool too_many = visited_.size() > kMaxVisited;
  visited_.clear();
  visited_set_.clear();
  Key key = std::exchange(pending_, {});
  std::vector<Configuration>& configurations = key.configurations;
  std::sort(configurations.begin(), configurations.end());
  configurations.erase(std::unique(configurations.begin(), configurations.end()),
                       configurations.end());
  if (too_many || configurations.size() > kMaxConfigurations) return kDead;
  if (configurations.empty() && !key.accepting) return kDead;
  if (const auto it = ids_.find(key); it != ids_.end()) return it->second;
  if (full()) return kDead;
  const auto id = static_cast<int32_t>(states_.size());
  states_.push_back({static_cast<uint32_t>(configurations_.size()),
                     static_cast<uint32_t>(configurations.size()), key.accepting});
  configurations_.insert(configurations_.end(), configurations.begin(), configurations.end());
  rows_.push_back(std::make_unique_for_overwrite<int32_t[]>(kByteValues));
  std::fill_n(rows_.back().get(), kByteValues, kUnknown);
  ids_.emplace(std::move(key), id);
  return id;
}

int32_t ConfigurationTable::Export(int32_t state, ConfigurationTable& other) const {
  std::map<int32_t, int32_t> exported = {{kEmptyStack, kEmptyStack}};
  const auto export_stack = [&](int32_t id) {
    std::vector<int32_t> path;
    while (!exported.contains(id)) {
      path.push_back(id);
      id = stack(id).parent;
    }
    for (; !path.empty(); path.pop_back()) {
      const int32_t fresh = other.Push(exported.at(id), stack(path.back()).return_to);
      id = path.back();
      exported.emplace(id, fresh);
    }
    return exported.at(id);
  };
  for (const Configuration& from : ConfigurationsOf(state)) {
    other.pending_.configurations.push_back({from.node, from.partial, export_stack(from.stack)});
  }
  other.pending_.accepting = at(state).accepting;
  return other.InternPending();
}

}  // namespace hadal::inference
