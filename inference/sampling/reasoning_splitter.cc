#include "inference/reasoning_splitter.h"

#include <algorithm>
#include <utility>

namespace hadal::inference {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";
constexpr std::string_view kWhiteSpace = " \t\r\n";

/// Length of the longest end of `text` that is a beginning of kClose.
size_t UndecidedCloseBytes(std::string_view text) {
  for (size_t length = std::min(kClose.size() - 1, text.size()); length > 0; --length) {
    if (kClose.starts_with(text.substr(text.size() - length))) return length;
  }
  return 0;
}

std::string_view TrimEnd(std::string_view text) {
  const size_t last = text.find_last_not_of(kWhiteSpace);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

void DropLeadingWhiteSpace(std::string& text) {
  text.erase(0, std::min(text.find_first_not_of(kWhiteSpace), text.size()));
}

}  // namespace

ReasoningSplitter::ReasoningSplitter(bool inside)
    : without_tag_(inside ? State::kReasoning : State::kContent) {}

ReasoningSplitter::Piece ReasoningSplitter::Append(std::string_view text) {
  held_.append(text);
  return Advance(/*at_end=*/false);
}

ReasoningSplitter::Piece ReasoningSplitter::Finish() { return Advance(/*at_end=*/true); }

ReasoningSplitter::Piece ReasoningSplitter::Advance(bool at_end) {
  Piece piece;
  if (state_ == State::kStart) {
    const size_t begin = std::min(held_.find_first_not_of(kWhiteSpace), held_.size());
    const std::string_view rest = std::string_view(held_).substr(begin);
    if (rest.starts_with(kOpen)) {
      held_.erase(0, begin + kOpen.size());
      state_ = State::kReasoning;
    } else if (at_end || !kOpen.starts_with(rest)) {
      state_ = without_tag_;
    }
  }
  if (state_ == State::kReasoning) TakeReasoning(at_end, piece);
  if (state_ == State::kAfterReasoning) {
    DropLeadingWhiteSpace(held_);
    if (!held_.empty()) state_ = State::kContent;
  }
  if (state_ == State::kContent) piece.content = std::exchange(held_, {});
  return piece;
}

void ReasoningSplitter::TakeReasoning(bool at_end, Piece& piece) {
  if (!reasoning_begun_) {
    DropLeadingWhiteSpace(held_);
    reasoning_begun_ = !held_.empty();
  }
  const size_t close = held_.find(kClose);
  const bool closed = close != std::string::npos;
  // White space at the end is shown only when more reasoning follows it.
  const size_t undecided = closed || at_end ? 0 : UndecidedCloseBytes(held_);
  const std::string_view decided =
      TrimEnd(std::string_view(held_).substr(0, closed ? close : held_.size() - undecided));
  piece.reasoning = std::string(decided);
  held_.erase(0, closed ? close + kClose.size() : decided.size());
  if (closed) state_ = State::kAfterReasoning;
}

}  // namespace hadal::inference
