#pragma once

#include <random>
#include <string>

#include "inference/constraint.h"
#include "inference/tokenizer.h"

namespace hadal::inference::testing {

struct Walk {
  std::string text;
  bool ended = false;  ///< an end token was chosen; else the walk was given up
  std::string error;
};

/// Generates as a model without sense would: any allowed token, but with a leaning to those that
/// close something, or walks would hardly ever end. Gives up after `max_tokens`.
inline Walk RandomWalk(const std::shared_ptr<const Constraint>& constraint,
                       const Tokenizer& tokenizer, int max_tokens, std::mt19937& random) {
  Walk walk;
  ConstraintState state(constraint);
  std::vector<int32_t> allowed;
  for (int i = 0; i < max_tokens; ++i) {
    const auto mask = state.AllowedTokens();
    if (!mask.ok()) {
      walk.error = StatusMessage(mask.status());
      return walk;
    }
    allowed.clear();
    for (int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
      if ((*mask)->Allows(id)) allowed.push_back(id);
    }
    int32_t token = allowed[random() % allowed.size()];
    // The closer to the end, the fewer turns are left to chance.
    if (static_cast<int>(random() % 100) < 25 + 70 * i / max_tokens) {
      std::vector<int32_t> closing;
      for (const int32_t id : allowed) {
        const std::string bytes = tokenizer.TokenBytes(id);
        if (bytes.empty() || bytes == "\"" || bytes == "}" || bytes == "]") closing.push_back(id);
      }
      if (!closing.empty()) token = closing[random() % closing.size()];
    }
    const bool is_end = tokenizer.TokenBytes(token).empty();
    if (is_end != (state.IsComplete() && is_end) || !state.Accept(token)) {
      walk.error = "an allowed token was refused";
      return walk;
    }
    walk.text += tokenizer.TokenBytes(token);
    if (is_end || state.IsFinished()) {
      walk.ended = true;
      return walk;
    }
  }
  return walk;
}

}  // namespace hadal::inference::testing
