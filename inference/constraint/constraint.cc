#include "inference/constraint.h"

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/utf8.h"
#include "inference/constraint/configuration_table.h"
#include "inference/constraint/grammar.h"
#include "inference/constraint/json_schema.h"
#include "inference/constraint/regex.h"
#include "inference/constraint/vocabulary_index.h"

namespace hadal::inference {
namespace {

/// When a table has become this large, a fresh one is begun (about 10 MB each).
constexpr size_t kCrowdedStates = 8192;
constexpr size_t kCrowdedMasks = 512;

constexpr size_t kKeptConstraints = 32;
constexpr size_t kMaxMessageBytes = 600;

constexpr std::string_view kThinkBegin = "<think>";
constexpr std::string_view kThinkEnd = "</think>";

/// A chain of thought is any text up to `</think>`, and the line breaks R1 writes behind it.
StatusOr<int32_t> AddReasoning(int32_t from, GrammarBuilder& builder, CompileBudget& budget) {
  ASSIGN_OR_RETURN(const CharDfa until_end, TextUntil(kThinkEnd, budget));
  const int32_t closed = builder.Match(from, until_end);
  const int32_t one_break = builder.Text(closed, "\n");
  const int32_t two_breaks = builder.Text(one_break, "\n");
  builder.Connect(closed, two_breaks);
  builder.Connect(one_break, two_breaks);
  return two_breaks;
}

StatusOr<int32_t> AddAnswer(const ConstraintSpec& spec, int32_t from, GrammarBuilder& builder,
                            CompileBudget& budget) {
  if (spec.kind == ConstraintSpec::Kind::kRegex) {
    ASSIGN_OR_RETURN(const CharDfa dfa,
                     CompileRegex(spec.text, RegexDialect::kRe2, RegexMatch::kFull, budget));
    return builder.Match(from, dfa);
  }
  const bool any_object = spec.kind == ConstraintSpec::Kind::kJsonObject;
  ASSIGN_OR_RETURN(const int32_t rule,
                   AddJsonSchema(any_object ? R"({"type":"object"})" : spec.text, builder, budget));
  return builder.Call(from, rule);
}

StatusOr<Grammar> BuildGrammar(const ConstraintSpec& spec) {
  CompileBudget budget;
  GrammarBuilder builder(budget);
  const int32_t root = builder.AddNode();
  const int32_t answer = builder.AddNode();
  if (spec.reasoning == ConstraintSpec::Reasoning::kInside) {
    ASSIGN_OR_RETURN(const int32_t thought, AddReasoning(root, builder, budget));
    builder.Connect(thought, answer);
  } else {
    builder.Connect(root, answer);
  }
  if (spec.reasoning == ConstraintSpec::Reasoning::kOptional) {
    ASSIGN_OR_RETURN(const int32_t thought,
                     AddReasoning(builder.Text(root, kThinkBegin), builder, budget));
    builder.Connect(thought, answer);
  }
  ASSIGN_OR_RETURN(const int32_t end, AddAnswer(spec, answer, builder, budget));
  builder.MarkFinal(end);
  return std::move(builder).Finish(root);
}

/// The automaton as far as it was needed, and the tokens its states allow.
struct Table {
  explicit Table(const Grammar* grammar) : automaton(grammar) {}

  bool crowded() const { return automaton.size() > kCrowdedStates || masks.size() > kCrowdedMasks; }

  ConfigurationTable automaton;
  absl::flat_hash_map<int32_t, std::shared_ptr<const TokenMask>> masks;  ///< by state
};

}  // namespace

class Constraint {
 public:
  Constraint(Grammar grammar, std::shared_ptr<const VocabularyIndex> vocabulary)
      : grammar_(std::move(grammar)),
        vocabulary_(std::move(vocabulary)),
        table_(std::make_shared<Table>(&grammar_)) {}

  struct Place {
    std::shared_ptr<Table> table;
    int32_t state;
  };

  Place Start() const {
    absl::MutexLock lock(&mu_);
    return {table_, table_->automaton.start()};
  }

  StatusOr<std::shared_ptr<const TokenMask>> AllowedTokens(Place& place) const {
    absl::MutexLock lock(&mu_);
    MoveToCurrent(place);
    if (const auto it = table_->masks.find(place.state); it != table_->masks.end()) {
      return it->second;
    }
    table_->automaton.StartWork();
    const std::shared_ptr<const TokenMask> mask = ComputeMask(place.state);
    if (table_->automaton.exhausted()) {
      return ResourceExhausted(
          "the constraint has too many ways on from here to list the tokens; simplify it");
    }
    if (mask->none()) {
      return ResourceExhausted(
          "no token can follow here: the vocabulary cannot spell what the constraint demands, or "
          "the constraint has more than {} ways to read the text; simplify it",
          ConfigurationTable::kMaxConfigurations);
    }
    table_->masks.emplace(place.state, mask);
    return mask;
  }

  /// False, and `place` means the same, when the automaton refuses a byte.
  bool Accept(absl::Span<const uint8_t> bytes, Place& place) const {
    absl::MutexLock lock(&mu_);
    MoveToCurrent(place);
    table_->automaton.StartWork();
    int32_t state = place.state;
    for (const uint8_t byte : bytes) {
      state = table_->automaton.Next(state, byte);
      if (state == ConfigurationTable::kDead) return false;
    }
    place.state = state;
    return true;
  }

  bool accepting(const Place& place) const {
    absl::MutexLock lock(&mu_);
    return place.table->automaton.accepting(place.state);
  }
  bool continues(const Place& place) const {
    absl::MutexLock lock(&mu_);
    return place.table->automaton.continues(place.state);
  }
  const VocabularyIndex& vocabulary() const { return *vocabulary_; }

 private:
  /// Begins a new table when the current one is crowded; who stands in an old one moves on.
  void MoveToCurrent(Place& place) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (table_->crowded()) table_ = std::make_shared<Table>(&grammar_);
    if (place.table == table_) return;
    place.state = place.table->automaton.Export(place.state, table_->automaton);
    place.table = table_;
  }

  std::shared_ptr<const TokenMask> ComputeMask(int32_t start) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    auto mask = std::make_shared<TokenMask>(vocabulary_->vocabulary_size());
    if (const std::optional<size_t> chars = PlainRun(start)) {
      vocabulary_->AllowPlain(*chars, *mask);
    } else {
      Walk(vocabulary_->plain(), start, *mask);
    }
    Walk(vocabulary_->others(), start, *mask);
    if (table_->automaton.accepting(start)) {
      for (const int32_t token : vocabulary_->end_tokens()) mask->Allow(token);
    }
    return mask;
  }

  /// How many plain characters may follow when it does not matter which, or none.
  std::optional<size_t> PlainRun(int32_t state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (size_t chars = 0; chars < vocabulary_->longest_plain(); ++chars) {
      const int32_t next = table_->automaton.AfterPlain(state);
      if (next == ConfigurationTable::kMixed) return std::nullopt;
      if (next == ConfigurationTable::kDead) return chars;
      if (next == state) break;
      state = next;
    }
    return vocabulary_->longest_plain();
  }

  void Walk(const TokenTrie& trie, int32_t start, TokenMask& mask) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<int32_t> path(vocabulary_->longest_token() + 1, start);  // states by depth
    for (size_t i = 0; i < trie.nodes.size();) {
      const TokenTrie::Node& node = trie.nodes[i];
      const int32_t state = table_->automaton.Next(path[node.depth - 1u], node.byte);
      if (state == ConfigurationTable::kDead) {
        i = node.end;
        continue;
      }
      path[node.depth] = state;
      for (uint32_t t = 0; t < node.num_tokens; ++t) mask.Allow(trie.tokens[node.first_token + t]);
      ++i;
    }
  }

  const Grammar grammar_;
  const std::shared_ptr<const VocabularyIndex> vocabulary_;
  mutable absl::Mutex mu_;
  mutable std::shared_ptr<Table> table_ ABSL_GUARDED_BY(mu_);  ///< and all tables of places
};

struct ConstraintState::Position {
  std::shared_ptr<const Constraint> constraint;
  Constraint::Place place;
  bool ended = false;  ///< an end token was taken
};

ConstraintState::ConstraintState(std::shared_ptr<const Constraint> constraint)
    : position_(std::make_unique<Position>()) {
  position_->place = constraint->Start();
  position_->constraint = std::move(constraint);
}
ConstraintState::ConstraintState(const ConstraintState& other)
    : position_(std::make_unique<Position>(*other.position_)) {}
ConstraintState::ConstraintState(ConstraintState&&) noexcept = default;
ConstraintState& ConstraintState::operator=(const ConstraintState& other) {
  *position_ = *other.position_;
  return *this;
}
ConstraintState& ConstraintState::operator=(ConstraintState&&) noexcept = default;
ConstraintState::~ConstraintState() = default;

StatusOr<std::shared_ptr<const TokenMask>> ConstraintState::AllowedTokens() {
  if (position_->ended) return FailedPrecondition("the text has ended; nothing may follow");
  return position_->constraint->AllowedTokens(position_->place);
}

bool ConstraintState::Accept(int32_t token) {
  if (position_->ended) return false;
  const VocabularyIndex& vocabulary = position_->constraint->vocabulary();
  const std::vector<int32_t>& end_tokens = vocabulary.end_tokens();
  if (std::find(end_tokens.begin(), end_tokens.end(), token) != end_tokens.end()) {
    position_->ended = IsComplete();
    return position_->ended;
  }
  const absl::Span<const uint8_t> bytes = vocabulary.BytesOf(token);
  return !bytes.empty() && position_->constraint->Accept(bytes, position_->place);
}

bool ConstraintState::IsComplete() const {
  return position_->constraint->accepting(position_->place);
}

bool ConstraintState::IsFinished() const {
  return position_->ended || (IsComplete() && !position_->constraint->continues(position_->place));
}

namespace {

class CachingCompiler final : public ConstraintCompiler {
 public:
  explicit CachingCompiler(const Tokenizer& tokenizer)
      : vocabulary_(std::make_shared<VocabularyIndex>(tokenizer)) {}

  StatusOr<std::shared_ptr<const Constraint>> Compile(const ConstraintSpec& spec) const override {
    if (auto kept = Find(spec)) return kept;
    StatusOr<Grammar> grammar = BuildGrammar(spec);
    if (!grammar.ok()) {
      const std::string message = StatusMessage(grammar.status());
      return MakeStatus(grammar.status().code(), SanitizeUtf8(message.substr(0, kMaxMessageBytes)));
    }
    auto constraint = std::make_shared<const Constraint>(*std::move(grammar), vocabulary_);
    absl::MutexLock lock(&mu_);
    kept_.emplace_front(spec, constraint);
    if (kept_.size() > kKeptConstraints) kept_.pop_back();
    return constraint;
  }

 private:
  /// Moves what it finds to the front.
  std::shared_ptr<const Constraint> Find(const ConstraintSpec& spec) const {
    absl::MutexLock lock(&mu_);
    const auto it = std::find_if(kept_.begin(), kept_.end(),
                                 [&spec](const auto& entry) { return entry.first == spec; });
    if (it == kept_.end()) return nullptr;
    kept_.splice(kept_.begin(), kept_, it);
    return it->second;
  }

  const std::shared_ptr<const VocabularyIndex> vocabulary_;
  mutable absl::Mutex mu_;
  mutable std::list<std::pair<ConstraintSpec, std::shared_ptr<const Constraint>>> kept_
      ABSL_GUARDED_BY(mu_);  ///< used last first
};

}  // namespace

std::shared_ptr<const ConstraintCompiler> ConstraintCompiler::Create(const Tokenizer& tokenizer) {
  return std::make_shared<const CachingCompiler>(tokenizer);
}

}  // namespace hadal::inference
