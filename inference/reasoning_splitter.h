#pragma once

#include <string>
#include <string_view>

namespace hadal::inference {

/// Separates the chain of thought from the answer: an answer that begins with `<think>` (after
/// white space) holds reasoning up to the first `</think>`; the rest is content. A tag anywhere
/// else is ordinary text. White space around the reasoning and before the content belongs to
/// neither. The result does not depend on how the stream is cut. Thread-compatible.
class ReasoningSplitter {
 public:
  struct Piece {
    std::string reasoning;
    std::string content;
  };

  /// `inside`: the prompt already opened the reasoning, as the R1 templates do; a model that opens
  /// it once more is forgiven.
  explicit ReasoningSplitter(bool inside);

  /// The next text of the stream; returns what is decided.
  Piece Append(std::string_view text);
  /// The stream ends: what was held back.
  Piece Finish();

 private:
  enum class State { kStart, kReasoning, kAfterReasoning, kContent };

  Piece Advance(bool at_end);
  void TakeReasoning(bool at_end, Piece& piece);

  const State without_tag_;  ///< where a stream goes that does not begin with the tag
  State state_ = State::kStart;
  bool reasoning_begun_ = false;  ///< the first character that is no white space was seen
  std::string held_;
};

}  // namespace hadal::inference
