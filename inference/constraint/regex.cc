#include "inference/constraint/regex.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace hadal::inference {
namespace {

using Kind = RegexNode::Kind;
using NodeSet = std::vector<int32_t>;  // sorted

constexpr int64_t kMaxNfaNodes = 20'000;
constexpr size_t kMaxDfaStates = 4096;

/// Thompson's construction. ^ and $ are edges that can be taken only where they hold.
struct Nfa {
  struct Node {
    std::vector<CharEdge> edges;
    std::vector<int32_t> epsilons;
    std::vector<int32_t> at_begin;
    std::vector<int32_t> at_end;
  };
  std::vector<Node> nodes;
  int32_t final = 0;

  int32_t Add() {
    nodes.emplace_back();
    return static_cast<int32_t>(nodes.size()) - 1;
  }
  Node& at(int32_t node) { return nodes[static_cast<size_t>(node)]; }
  const Node& at(int32_t node) const { return nodes[static_cast<size_t>(node)]; }
};

/// Nodes Emit() will add, cut off far above what is allowed.
int64_t CountNodes(const RegexNode& node) {
  int64_t count = 2;
  for (const RegexNode& child : node.children) count += CountNodes(child) + 1;
  if (node.kind == Kind::kRepeat) {
    const int64_t copies = node.max == kUnlimited ? node.min + 1 : node.max;
    count = 2 + count * std::max<int64_t>(copies, 1);
  }
  return std::min(count, kMaxNfaNodes * 2);
}

/// Adds `node` behind `from`; returns where it ends.
int32_t Emit(const RegexNode& node, int32_t from, Nfa& nfa) {
  const int32_t end = nfa.Add();
  switch (node.kind) {
    case Kind::kEmpty:
      nfa.at(from).epsilons.push_back(end);
      break;
    case Kind::kBegin:
      nfa.at(from).at_begin.push_back(end);
      break;
    case Kind::kEnd:
      nfa.at(from).at_end.push_back(end);
      break;
    case Kind::kSet:
      for (const CharRange& range : node.set) {
        nfa.at(from).edges.push_back({range.first, range.last, end});
      }
      break;
    case Kind::kConcat: {
      int32_t last = from;
      for (const RegexNode& child : node.children) last = Emit(child, last, nfa);
      nfa.at(last).epsilons.push_back(end);
      break;
    }
    case Kind::kAlternate:
      for (const RegexNode& child : node.children) {
        const int32_t begin = nfa.Add();
        nfa.at(from).epsilons.push_back(begin);
        nfa.at(Emit(child, begin, nfa)).epsilons.push_back(end);
      }
      break;
    case Kind::kRepeat: {
      int32_t last = from;
      for (int64_t i = 0; i < node.min; ++i) last = Emit(node.children[0], last, nfa);
      if (node.max == kUnlimited) {
        const int32_t loop = nfa.Add();
        nfa.at(last).epsilons.push_back(loop);
        nfa.at(Emit(node.children[0], loop, nfa)).epsilons.push_back(loop);
        last = loop;
      } else {
        for (int64_t i = node.min; i < node.max; ++i) {
          nfa.at(last).epsilons.push_back(end);
          last = Emit(node.children[0], last, nfa);
        }
      }
      nfa.at(last).epsilons.push_back(end);
    }
  }
  return end;
}

/// Subset construction.
class Determinizer {
 public:
  Determinizer(const Nfa& nfa, CompileBudget& budget)
      : nfa_(nfa), budget_(budget), seen_(nfa.nodes.size()) {}

  StatusOr<CharDfa> Run() {
    // Only here ^ holds, so the start is never shared with a state met later.
    ASSIGN_OR_RETURN(const NodeSet start, Close({0}, /*at_begin=*/true, /*at_end=*/false));
    ASSIGN_OR_RETURN(const NodeSet whole, Close({0}, /*at_begin=*/true, /*at_end=*/true));
    Add(start, Holds(whole));
    for (size_t i = 0; i < sets_.size(); ++i) RETURN_IF_ERROR(Expand(i));
    return Trim(std::move(dfa_));
  }

 private:
  bool Holds(const NodeSet& set) const {
    return std::binary_search(set.begin(), set.end(), nfa_.final);
  }

  int32_t Add(NodeSet set, bool accepting) {
    sets_.push_back(std::move(set));
    dfa_.states.emplace_back().accepting = accepting;
    return static_cast<int32_t>(sets_.size()) - 1;
  }

  /// What can be reached from `nodes` without a character.
  StatusOr<NodeSet> Close(NodeSet nodes, bool at_begin, bool at_end) {
    NodeSet closed;
    const auto visit = [&](const std::vector<int32_t>& next) {
      for (const int32_t node : next) {
        if (seen_[static_cast<size_t>(node)]) continue;
        seen_[static_cast<size_t>(node)] = true;
        closed.push_back(node);
      }
    };
    visit(nodes);
    for (size_t i = 0; i < closed.size(); ++i) {
      const Nfa::Node& node = nfa_.at(closed[i]);
      visit(node.epsilons);
      if (at_begin) visit(node.at_begin);
      if (at_end) visit(node.at_end);
    }
    for (const int32_t node : closed) seen_[static_cast<size_t>(node)] = false;
    RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(closed.size())));
    std::sort(closed.begin(), closed.end());
    return closed;
  }

  StatusOr<int32_t> StateOf(NodeSet nodes) {
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    if (const auto it = ids_.find(nodes); it != ids_.end()) return it->second;
    if (sets_.size() >= kMaxDfaStates) {
      return InvalidArgument(
          "the regular expression needs an automaton of more than {} states; simplify it",
          kMaxDfaStates);
    }
    ASSIGN_OR_RETURN(NodeSet closed, Close(nodes, false, /*at_end=*/false));
    ASSIGN_OR_RETURN(const NodeSet at_end, Close(nodes, false, /*at_end=*/true));
    const int32_t id = Add(std::move(closed), Holds(at_end));
    ids_.emplace(std::move(nodes), id);
    return id;
  }

  Status Expand(size_t state) {
    std::vector<CharEdge> edges;
    std::vector<char32_t> cuts;
    for (const int32_t node : sets_[state]) {
      for (const CharEdge& edge : nfa_.at(node).edges) {
        edges.push_back(edge);
        cuts.push_back(edge.first);
        cuts.push_back(edge.last + 1);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(cuts.size() * edges.size())));
    std::vector<CharEdge> out;
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      NodeSet targets;
      for (const CharEdge& edge : edges) {
        if (edge.first <= cuts[i] && cuts[i] <= edge.last) targets.push_back(edge.to);
      }
      if (targets.empty()) continue;
      ASSIGN_OR_RETURN(const int32_t to, StateOf(std::move(targets)));
      if (!out.empty() && out.back().to == to && out.back().last + 1 == cuts[i]) {
        out.back().last = cuts[i + 1] - 1;
      } else {
        out.push_back({cuts[i], cuts[i + 1] - 1, to});
      }
    }
    dfa_.states[state].edges = std::move(out);
    return OkStatus();
  }

  const Nfa& nfa_;
  CompileBudget& budget_;
  std::vector<bool> seen_;
  std::vector<NodeSet> sets_;  ///< by state
  std::map<NodeSet, int32_t> ids_;
  CharDfa dfa_;
};

}  // namespace

StatusOr<CharDfa> CompileRegex(std::string_view pattern, RegexDialect dialect, RegexMatch match,
                               CompileBudget& budget) {
  ASSIGN_OR_RETURN(const RegexNode parsed, ParseRegex(pattern, dialect));
  if (const int64_t nodes = CountNodes(parsed); nodes > kMaxNfaNodes) {
    return InvalidArgument(
        "the regular expression is too large once its repetitions are written out; use smaller "
        "counts");
  }
  Nfa nfa;
  RegexNode anything;
  anything.kind = Kind::kRepeat;
  anything.max = kUnlimited;
  anything.children.push_back({Kind::kSet, AnyChar(), {}, 0, 0});
  int32_t last = nfa.Add();
  if (match == RegexMatch::kSearch) last = Emit(anything, last, nfa);
  last = Emit(parsed, last, nfa);
  if (match == RegexMatch::kSearch) last = Emit(anything, last, nfa);
  nfa.final = last;
  ASSIGN_OR_RETURN(CharDfa dfa, Determinizer(nfa, budget).Run());
  RETURN_IF_ERROR(budget.SpendStates(static_cast<int64_t>(dfa.states.size())));
  if (dfa.empty()) return InvalidArgument("the regular expression matches no text");
  return dfa;
}

}  // namespace hadal::inference
