#include "inference/constraint/grammar.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"

namespace hadal::inference {

int32_t GrammarBuilder::AddNode(Spelling spelling) {
  if (status_.ok()) status_ = budget_.SpendStates(1);
  // Out of budget nothing is built any more, so a caller's loop stays cheap until it asks.
  if (!status_.ok() && !grammar_.nodes.empty()) return 0;
  grammar_.nodes.emplace_back().spelling = spelling;
  return static_cast<int32_t>(grammar_.nodes.size()) - 1;
}

/// A node behind `from` that has no edges yet: edges of one node must be disjoint.
int32_t GrammarBuilder::Fresh(int32_t from) {
  if (at(from).edges.empty()) return from;
  const int32_t fresh = AddNode();
  Connect(from, fresh);
  return fresh;
}

int32_t GrammarBuilder::Text(int32_t from, std::string_view text) {
  from = Fresh(from);
  while (!text.empty()) {
    const DecodedChar next = DecodeUtf8(text);
    text.remove_prefix(next.size_bytes);
    const int32_t to = AddNode();
    at(from).edges.push_back({next.code_point, next.code_point, to});
    from = to;
  }
  return from;
}

int32_t GrammarBuilder::Call(int32_t from, int32_t rule) {
  const int32_t to = AddNode();
  at(from).calls.push_back({rule, to});
  return to;
}

/// Puts `dfa` behind `from`; where it accepts it goes on to `end`.
int32_t GrammarBuilder::Copy(int32_t from, const CharDfa& dfa, Spelling spelling, int32_t end) {
  if (dfa.empty()) return end;
  std::vector<int32_t> copies;
  copies.reserve(dfa.states.size());
  for (size_t i = 0; i < dfa.states.size(); ++i) copies.push_back(AddNode(spelling));
  if (!status_.ok()) return end;
  for (size_t i = 0; i < copies.size(); ++i) {
    Grammar::Node& node = at(copies[i]);
    for (CharEdge edge : dfa.states[i].edges) {
      edge.to = copies[static_cast<size_t>(edge.to)];
      node.edges.push_back(edge);
    }
    if (!dfa.states[i].accepting) continue;
    if (spelling == Spelling::kJsonString) {
      node.edges.push_back({kStringEnd, kStringEnd, end});  // the largest: stays sorted
    } else {
      node.epsilons.push_back(end);
    }
  }
  if (spelling == Spelling::kJsonString) {
    at(from).edges.push_back({'"', '"', copies[0]});
  } else {
    Connect(from, copies[0]);
  }
  return end;
}

int32_t GrammarBuilder::Match(int32_t from, const CharDfa& dfa) {
  return Copy(from, dfa, Spelling::kUtf8, AddNode());
}

int32_t GrammarBuilder::JsonString(int32_t from, const CharDfa& dfa) {
  return Copy(Fresh(from), dfa, Spelling::kJsonString, AddNode());
}

StatusOr<Grammar> GrammarBuilder::Finish(int32_t root) && {
  RETURN_IF_ERROR(status_);
  grammar_.root = root;
  ComputeNeeds();
  const int32_t need = grammar_.at(root).need;
  if (need == Grammar::kNever) return InvalidArgument("no text can satisfy it");
  if (need > Grammar::kMaxCallDepth) {
    return InvalidArgument("every text that satisfies it nests deeper than {} levels",
                           Grammar::kMaxCallDepth / 2);
  }
  DropDeadEnds();
  CheckNoLeftRecursion();
  return std::move(grammar_);
}

/// Smallest solution, from the final nodes backwards.
void GrammarBuilder::ComputeNeeds() {
  std::vector<Grammar::Node>& nodes = grammar_.nodes;
  std::vector<std::vector<int32_t>> before(nodes.size());
  std::vector<int32_t> changed;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    for (const CharEdge& edge : nodes[i].edges) before[static_cast<size_t>(edge.to)].push_back(id);
    for (const int32_t to : nodes[i].epsilons) before[static_cast<size_t>(to)].push_back(id);
    for (const Grammar::Call& call : nodes[i].calls) {
      before[static_cast<size_t>(call.rule)].push_back(id);
      before[static_cast<size_t>(call.to)].push_back(id);
    }
    if (nodes[i].final) {
      nodes[i].need = 0;
      changed.push_back(id);
    }
  }
  const auto best = [&](const Grammar::Node& node) {
    int32_t need = node.final ? 0 : Grammar::kNever;
    for (const CharEdge& edge : node.edges) need = std::min(need, at(edge.to).need);
    for (const int32_t to : node.epsilons) need = std::min(need, at(to).need);
    for (const Grammar::Call& call : node.calls) {
      const int32_t callee = at(call.rule).need;
      if (callee == Grammar::kNever) continue;
      need = std::min(need, std::max(callee + 1, at(call.to).need));
    }
    return need;
  };
  for (size_t i = 0; i < changed.size(); ++i) {
    for (const int32_t id : before[static_cast<size_t>(changed[i])]) {
      const int32_t need = best(at(id));
      if (need >= at(id).need) continue;
      at(id).need = need;
      changed.push_back(id);
    }
  }
}

void GrammarBuilder::DropDeadEnds() {
  const auto dead = [this](int32_t node) { return at(node).need == Grammar::kNever; };
  for (Grammar::Node& node : grammar_.nodes) {
    std::erase_if(node.edges, [&](const CharEdge& edge) { return dead(edge.to); });
    std::erase_if(node.epsilons, dead);
    std::erase_if(node.calls,
                  [&](const Grammar::Call& call) { return dead(call.rule) || dead(call.to); });
  }
}

/// What is reached without a character never leads back: the automaton's closure ends.
void GrammarBuilder::CheckNoLeftRecursion() const {
  enum class Visit : uint8_t { kNone, kOpen, kDone };
  const std::vector<Grammar::Node>& nodes = grammar_.nodes;
  std::vector<std::vector<int32_t>> next(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    next[i] = nodes[i].epsilons;
    for (const Grammar::Call& call : nodes[i].calls) {
      CHECK(!nodes[static_cast<size_t>(call.rule)].final);
      next[i].push_back(call.rule);
    }
  }
  std::vector<Visit> visits(nodes.size(), Visit::kNone);
  std::vector<std::pair<size_t, size_t>> path;  // node, its successors seen
  for (size_t start = 0; start < nodes.size(); ++start) {
    if (visits[start] == Visit::kNone) path.emplace_back(start, 0);
    while (!path.empty()) {
      const auto [node, seen] = path.back();
      visits[node] = Visit::kOpen;
      if (seen == next[node].size()) {
        visits[node] = Visit::kDone;
        path.pop_back();
        continue;
      }
      ++path.back().second;
      const auto to = static_cast<size_t>(next[node][seen]);
      CHECK(visits[to] != Visit::kOpen);
      if (visits[to] == Visit::kNone) path.emplace_back(to, 0);
    }
  }
}

}  // namespace hadal::inference
