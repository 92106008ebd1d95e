#pragma once

#include <cstdint>

namespace hadal::inference {

/// How far to guess ahead in one sequence: as far as guesses have held lately, and for a while not
/// at all when they do not. The idea is that of arXiv:2405.04304. Thread-compatible.
class DraftLength {
 public:
  static constexpr int32_t kMost = 16;

  /// Tokens of the next guess, up to kMost; 0: let this one pass.
  int32_t Next();
  /// Of a guess of `guessed` tokens, at least one, the first `held` were right.
  void Learn(int32_t guessed, int32_t held);

 private:
  int32_t length_ = 4;
  int32_t misses_ = 0;  ///< guesses in a row of which nothing held
  int32_t pause_ = 0;   ///< calls of Next() to let pass
};

}  // namespace hadal::inference
