#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/constraint/char_decoder.h"
#include "inference/constraint/char_dfa.h"
#include "inference/constraint/compile_budget.h"

namespace hadal::inference {

/// A pushdown automaton: automata over characters (rules) that call each other. Nodes are numbered
/// across all rules; a rule is named by its start node.
struct Grammar {
  /// How deep rules may be called; JSON nested deeper than about half of it is not generated.
  static constexpr int32_t kMaxCallDepth = 128;
  static constexpr int32_t kNever = INT32_MAX;

  struct Call {
    int32_t rule;  ///< its start node
    int32_t to;
  };
  struct Node {
    std::vector<CharEdge> edges;  ///< sorted, disjoint
    std::vector<int32_t> epsilons;
    std::vector<Call> calls;
    Spelling spelling = Spelling::kUtf8;
    bool final = false;  ///< the rule may end here
    /// Calls that must still fit on top of the rule's own before it can end; kNever: it cannot.
    int32_t need = kNever;

    /// Nothing is left to do but to return.
    bool only_returns() const {
      return final && edges.empty() && epsilons.empty() && calls.empty();
    }
  };
  std::vector<Node> nodes;
  int32_t root = 0;

  const Node& at(int32_t node) const { return nodes[static_cast<size_t>(node)]; }
};

/// Builds a Grammar front to back: each function adds something behind node `from` and returns the
/// node where it ends. Thread-compatible.
class GrammarBuilder {
 public:
  explicit GrammarBuilder(CompileBudget& budget) : budget_(budget) {}

  int32_t AddNode(Spelling spelling = Spelling::kUtf8);
  /// `from` leads to `to` without a character.
  void Connect(int32_t from, int32_t to) { at(from).epsilons.push_back(to); }
  void MarkFinal(int32_t node) { at(node).final = true; }

  int32_t Text(int32_t from, std::string_view text);
  int32_t Call(int32_t from, int32_t rule);
  /// A text that `dfa` accepts, as it is.
  int32_t Match(int32_t from, const CharDfa& dfa);
  /// A JSON string, with its quotes, whose value `dfa` accepts.
  int32_t JsonString(int32_t from, const CharDfa& dfa);

  /// INVALID_ARGUMENT when the states of the budget are used up. Ask after each loop a request
  /// controls.
  const Status& status() const { return status_; }

  /// Cuts off what can never end. INVALID_ARGUMENT when nothing is left, or it nests too deep. No
  /// rule accepts the empty text or calls itself before its first character: CHECK.
  StatusOr<Grammar> Finish(int32_t root) &&;

 private:
  Grammar::Node& at(int32_t node) { return grammar_.nodes[static_cast<size_t>(node)]; }
  int32_t Fresh(int32_t from);
  int32_t Copy(int32_t from, const CharDfa& dfa, Spelling spelling, int32_t end);
  void ComputeNeeds();
  void DropDeadEnds();
  void CheckNoLeftRecursion() const;

  CompileBudget& budget_;
  Grammar grammar_;
  Status status_;
};

}  // namespace hadal::inference
