#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "inference/constraint/grammar.h"

namespace hadal::inference {

/// The pushdown automaton as an automaton over bytes, made on demand: a state is the set of
/// configurations (node, character begun, call stack) a text may be in. What was computed once is
/// a table look-up afterwards. Thread-compatible.
class ConfigurationTable {
 public:
  static constexpr int32_t kDead = -1;
  static constexpr int32_t kMixed = -3;
  /// Of one table. A walk over a vocabulary makes some hundred in a constraint people write.
  static constexpr size_t kMaxStates = 32'768;
  /// Steps of configurations between two StartWork(): about a tenth of a second.
  static constexpr int64_t kMaxWork = 500'000;
  /// Ways of reading one text at a time. A byte that would give more is refused: what is allowed
  /// stays right, whatever was computed before.
  static constexpr size_t kMaxConfigurations = 512;

  /// `grammar` outlives the table.
  explicit ConfigurationTable(const Grammar* grammar);

  int32_t start() const { return start_; }

  /// Begins a piece of work that may cost kMaxWork.
  void StartWork() { work_left_ = kMaxWork; }
  /// A state was refused since then because of kMaxWork or kMaxStates, not by the grammar.
  bool exhausted() const { return work_left_ < 0; }

  /// The state after `byte`, or kDead.
  int32_t Next(int32_t state, uint8_t byte) {
    const int32_t next = rows_[static_cast<size_t>(state)][byte];
    return next == kUnknown ? Compute(state, byte) : next;
  }
  /// The state after any one of the plain characters (IsPlainAscii and all beyond ASCII) where it
  /// is the same for each, or kDead where none may follow; else kMixed.
  int32_t AfterPlain(int32_t state);

  /// The text so far is complete.
  bool accepting(int32_t state) const { return at(state).accepting; }
  /// Something may follow.
  bool continues(int32_t state) const { return at(state).count > 0; }

  /// The state of `other` that means the same as `state` of this table.
  int32_t Export(int32_t state, ConfigurationTable& other) const;

  size_t size() const { return states_.size(); }

 private:
  static constexpr int32_t kUnknown = -2;
  static constexpr int32_t kEmptyStack = 0;
  static constexpr size_t kByteValues = 256;

  struct Configuration {
    int32_t node;
    PartialChar partial;
    int32_t stack;
    auto operator<=>(const Configuration&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Configuration& c) {
      return H::combine(std::move(h), c.node, c.partial, c.stack);
    }
  };
  struct State {
    uint32_t first;  ///< its configurations: [first, first + count) of configurations_
    uint32_t count;
    bool accepting;
  };
  struct StackEntry {
    int32_t parent;
    int32_t return_to;
    int32_t depth;  ///< entries below and including this one
  };
  struct Key {
    std::vector<Configuration> configurations;
    bool accepting = false;
    bool operator==(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.configurations, key.accepting);
    }
  };

  const State& at(int32_t state) const { return states_[static_cast<size_t>(state)]; }
  const StackEntry& stack(int32_t id) const { return stacks_[static_cast<size_t>(id)]; }
  absl::Span<const Configuration> ConfigurationsOf(int32_t state) const {
    return absl::MakeConstSpan(configurations_).subspan(at(state).first, at(state).count);
  }
  int32_t Compute(int32_t state, uint8_t byte);
  void ComputeRow(int32_t state);
  int32_t After(int32_t state, absl::Span<const CharStep> steps);
  void Enter(int32_t node, int32_t stack);
  int32_t Push(int32_t parent, int32_t return_to);
  int32_t InternPending();
  int32_t AfterTail(int32_t state, uint8_t first, uint8_t last, int left);
  int32_t FindAfterPlain(int32_t state);

  const Grammar& grammar_;
  int64_t work_left_ = kMaxWork;
  int32_t start_ = kDead;
  std::vector<State> states_;
  std::vector<std::unique_ptr<int32_t[]>> rows_;  ///< by state: the next one by byte, or kUnknown
  std::vector<int32_t> after_plain_;              ///< by state: AfterPlain(), or kUnknown
  std::vector<Configuration> configurations_;
  absl::flat_hash_map<Key, int32_t> ids_;
  std::vector<StackEntry> stacks_;
  absl::flat_hash_map<std::pair<int32_t, int32_t>, int32_t> stack_ids_;  ///< (parent, return_to)

  // The state being computed.
  Key pending_;
  std::vector<std::pair<int32_t, int32_t>> visited_;  ///< (node, stack), in the order of discovery
  absl::flat_hash_set<std::pair<int32_t, int32_t>> visited_set_;
};

}  // namespace hadal::inference
