#include "inference/constraint/configuration_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "inference/constraint/vocabulary_index.h"

namespace hadal::inference {
namespace {

/// Beginnings of UTF-8 characters of several bytes (RFC 3629): first bytes, range of the second
/// one, and how many follow.
struct Utf8Form {
  uint8_t first_lead;
  uint8_t last_lead;
  uint8_t first_second;
  uint8_t last_second;
  int tail;
};
constexpr Utf8Form kUtf8Forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 1}, {0xE0, 0xE0, 0xA0, 0xBF, 2}, {0xE1, 0xEC, 0x80, 0xBF, 2},
    {0xED, 0xED, 0x80, 0x9F, 2}, {0xEE, 0xEF, 0x80, 0xBF, 2}, {0xF0, 0xF0, 0x90, 0xBF, 3},
    {0xF1, 0xF3, 0x80, 0xBF, 3}, {0xF4, 0xF4, 0x80, 0x8F, 3},
};

constexpr size_t kMaxVisited = 8 * ConfigurationTable::kMaxConfigurations;
/// With more configurations fewer bytes do the same, and fewer are asked for.
constexpr size_t kMaxRowConfigurations = 4;
/// What trying a byte costs beside going on from there.
constexpr size_t kBytesPerStep = 16;

}  // namespace

ConfigurationTable::ConfigurationTable(const Grammar* grammar) : grammar_(*grammar) {
  stacks_.push_back({kEmptyStack, /*return_to=*/-1, /*depth=*/0});
  Enter(grammar_.root, kEmptyStack);
  start_ = InternPending();
}

int32_t ConfigurationTable::Compute(int32_t state, uint8_t byte) {
  if (exhausted()) return kDead;
  if (at(state).count <= kMaxRowConfigurations) {
    ComputeRow(state);
    return rows_[static_cast<size_t>(state)][byte];
  }
  std::vector<CharStep> steps;
  for (const Configuration& from : ConfigurationsOf(state)) {
    const Grammar::Node& node = grammar_.at(from.node);
    steps.push_back(StepChar(node.spelling, node.edges, from.partial, byte));
  }
  const int32_t next = After(state, steps);
  if (!exhausted()) rows_[static_cast<size_t>(state)][byte] = next;
  return next;
}

/// The states after every byte. Most bytes do the same: in a string, all letters.
void ConfigurationTable::ComputeRow(int32_t state) {
  const size_t count = at(state).count;
  work_left_ -= static_cast<int64_t>(count * kByteValues / kBytesPerStep);
  std::vector<std::pair<std::vector<CharStep>, int32_t>> seen;
  std::vector<CharStep> steps(count);
  for (size_t byte = 0; byte < kByteValues; ++byte) {
    for (size_t i = 0; i < count; ++i) {
      const Configuration& from = configurations_[at(state).first + i];
      const Grammar::Node& node = grammar_.at(from.node);
      steps[i] = StepChar(node.spelling, node.edges, from.partial, static_cast<uint8_t>(byte));
    }
    auto it = std::find_if(seen.rbegin(), seen.rend(),
                           [&steps](const auto& entry) { return entry.first == steps; });
    const int32_t next = it != seen.rend() ? it->second : After(state, steps);
    if (it == seen.rend()) seen.emplace_back(steps, next);
    rows_[static_cast<size_t>(state)][byte] = exhausted() ? kUnknown : next;
  }
}

/// The state after each configuration of `state` took its step.
int32_t ConfigurationTable::After(int32_t state, absl::Span<const CharStep> steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Configuration from = configurations_[at(state).first + i];
    if (steps[i].kind == CharStep::Kind::kEdge) {
      Enter(steps[i].to, from.stack);
    } else if (steps[i].kind == CharStep::Kind::kPartial) {
      pending_.configurations.push_back({from.node, steps[i].partial, from.stack});
    }
  }
  work_left_ -= static_cast<int64_t>(steps.size() + visited_.size());
  return InternPending();
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
  const Grammar::Node& first = grammar_.at(node_id);
  if (first.epsilons.empty() && first.calls.empty() && !first.final) {  // nothing to follow
    if (stack(stack_id).depth + first.need <= Grammar::kMaxCallDepth) {
      pending_.configurations.push_back({node_id, 0, stack_id});
    }
    return;
  }
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
  if (!visited_set_.empty()) visited_set_.clear();
  Key key = std::exchange(pending_, {});
  std::vector<Configuration>& configurations = key.configurations;
  std::sort(configurations.begin(), configurations.end());
  configurations.erase(std::unique(configurations.begin(), configurations.end()),
                       configurations.end());
  if (too_many || configurations.size() > kMaxConfigurations) return kDead;
  if (configurations.empty() && !key.accepting) return kDead;
  if (const auto it = ids_.find(key); it != ids_.end()) return it->second;
  if (exhausted() || states_.size() >= kMaxStates) {
    work_left_ = -1;
    return kDead;
  }
  const auto id = static_cast<int32_t>(states_.size());
  states_.push_back({static_cast<uint32_t>(configurations_.size()),
                     static_cast<uint32_t>(configurations.size()), key.accepting});
  configurations_.insert(configurations_.end(), configurations.begin(), configurations.end());
  rows_.push_back(std::make_unique_for_overwrite<int32_t[]>(kByteValues));
  std::fill_n(rows_.back().get(), kByteValues, kUnknown);
  after_plain_.push_back(kUnknown);
  ids_.emplace(std::move(key), id);
  return id;
}

int32_t ConfigurationTable::AfterPlain(int32_t state) {
  int32_t known = after_plain_[static_cast<size_t>(state)];
  if (known == kUnknown) {
    known = FindAfterPlain(state);
    if (!exhausted()) after_plain_[static_cast<size_t>(state)] = known;
  }
  return known;
}

int32_t ConfigurationTable::FindAfterPlain(int32_t state) {
  const int32_t next = Next(state, ' ');
  for (uint8_t c = 0; c < 0x80; ++c) {
    if (IsPlainAscii(c) && Next(state, c) != next) return kMixed;
  }
  for (const Utf8Form& form : kUtf8Forms) {
    int32_t checked = kUnknown;  // neighbours mostly lead to the same state
    for (int lead = form.first_lead; lead <= form.last_lead; ++lead) {
      const int32_t begun = Next(state, static_cast<uint8_t>(lead));
      if (begun == checked) continue;
      if (AfterTail(begun, form.first_second, form.last_second, form.tail) != next) return kMixed;
      checked = begun;
    }
  }
  return next;
}

/// The state after every character that goes on with `left` bytes, the first of them within
/// [first, last]; kMixed when they differ.
int32_t ConfigurationTable::AfterTail(int32_t state, uint8_t first, uint8_t last, int left) {
  if (state == kDead || left == 0) return state;
  int32_t common = kUnknown;
  int32_t checked = kUnknown;
  for (int byte = first; byte <= last; ++byte) {
    const int32_t begun = Next(state, static_cast<uint8_t>(byte));
    if (begun == checked) continue;
    checked = begun;
    const int32_t after = AfterTail(begun, 0x80, 0xBF, left - 1);
    if (common == kUnknown) common = after;
    if (after != common || after == kMixed) return kMixed;
  }
  return common;
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
