#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"

namespace hadal::inference {

class Tokenizer;

/// What the text of a generation must look like.
struct ConstraintSpec {
  enum class Kind {
    kJsonObject,  ///< any JSON object; `text` is empty
    kJsonSchema,  ///< a JSON value that satisfies the schema `text` (draft 2020-12, in JSON)
    kRegex,       ///< a text that the regular expression `text` matches from begin to end
  };
  /// Whether a chain of thought comes before that text, which then begins after `</think>`.
  enum class Reasoning {
    kNone,
    kOptional,  ///< the model may open it with `<think>` as its first text
    kInside,    ///< the prompt has opened it
  };
  Kind kind = Kind::kJsonObject;
  std::string text;
  Reasoning reasoning = Reasoning::kNone;

  bool operator==(const ConstraintSpec&) const = default;
};

/// A set of tokens. Thread-safe (const).
class TokenMask {
 public:
  explicit TokenMask(int32_t vocabulary_size)
      : size_(vocabulary_size), words_((static_cast<size_t>(vocabulary_size) + 63) / 64) {}

  void Allow(int32_t token) {
    words_[static_cast<size_t>(token) / 64] |= uint64_t{1} << (static_cast<size_t>(token) % 64);
  }
  bool Allows(int32_t token) const {
    return token >= 0 && token < size_ &&
           (words_[static_cast<size_t>(token) / 64] >> (static_cast<size_t>(token) % 64) & 1) != 0;
  }
  /// `other` is of the same vocabulary.
  void AllowAllOf(const TokenMask& other);
  bool none() const;
  int32_t count() const;

  /// Makes every other token impossible: -inf. A NaN stays, so that whoever looks for it finds it.
  /// logits [vocabulary of the decoder] f32; rows without a token count as not allowed.
  void Apply(absl::Span<float> logits) const;

 private:
  const int32_t size_;
  std::vector<uint64_t> words_;
};

/// A compiled ConstraintSpec for one vocabulary. Thread-safe: shared by all sequences that ask for
/// the same, and what one of them computed is a look-up for the others.
class Constraint;

/// How far one sequence has come. A copy is cheap and is the way back: keep one, try draft tokens,
/// throw it away. Thread-compatible.
class ConstraintState {
 public:
  explicit ConstraintState(std::shared_ptr<const Constraint> constraint);
  ConstraintState(const ConstraintState&);
  ConstraintState(ConstraintState&&) noexcept;
  ConstraintState& operator=(const ConstraintState&);
  ConstraintState& operator=(ConstraintState&&) noexcept;
  ~ConstraintState();

  /// The tokens that may come next: each begins a way to a complete text. End tokens are among them
  /// exactly when the text is complete. RESOURCE_EXHAUSTED when no token can be offered: the
  /// vocabulary cannot spell the text, or the constraint has too many ways to read it.
  StatusOr<std::shared_ptr<const TokenMask>> AllowedTokens();

  /// Takes `token`. False, and nothing changes, when it is not allowed.
  bool Accept(int32_t token);

  /// The text so far satisfies the constraint.
  bool IsComplete() const;
  /// It is complete, and nothing but an end token may follow.
  bool IsFinished() const;

 private:
  struct Position;
  std::unique_ptr<Position> position_;
};

/// Compiles constraints for one model, and keeps the ones used last. Thread-safe.
class ConstraintCompiler {
 public:
  /// Reads the bytes of every token: some tenth of a second for 150,000.
  static std::shared_ptr<const ConstraintCompiler> Create(const Tokenizer& tokenizer);
  virtual ~ConstraintCompiler() = default;

  /// INVALID_ARGUMENT naming the keyword and its place in the schema, or the byte of the regular
  /// expression, that is wrong, not supported, contradictory, or beyond a bound.
  virtual StatusOr<std::shared_ptr<const Constraint>> Compile(const ConstraintSpec& spec) const = 0;
};

}  // namespace hadal::inference
