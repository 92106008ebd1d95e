#include "inference/sampling/text_stream.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace hadal::inference {

TextStream::TextStream(std::vector<std::string> stop) : stop_(std::move(stop)) {
  for (const std::string& stop_string : stop_) {
    longest_stop_ = std::max(longest_stop_, stop_string.size());
  }
}

std::string TextStream::Append(std::string_view bytes) {
  if (stopped_) return {};
  bytes_.append(bytes);
  const size_t complete = CompleteUtf8Prefix(bytes_);
  if (complete == 0) return {};
  held_ += SanitizeUtf8(std::string_view(bytes_).substr(0, complete));
  bytes_.erase(0, complete);
  return Release(/*all=*/false);
}

std::string TextStream::Finish() {
  if (stopped_) return {};
  held_ += SanitizeUtf8(bytes_);
  bytes_.clear();
  return Release(/*all=*/true);
}

std::string TextStream::Release(bool all) {
  size_t stop_begin = std::string::npos;
  size_t stop_end = std::string::npos;
  for (const std::string& stop_string : stop_) {
    const size_t begin = held_.find(stop_string);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop_string.size();
    if (end < stop_end || (end == stop_end && begin < stop_begin)) {
      stop_begin = begin;
      stop_end = end;
    }
  }
  if (stop_end != std::string::npos) {
    stopped_ = true;
    held_.resize(stop_begin);
    bytes_.clear();
    return std::exchange(held_, {});
  }
  const size_t keep = all ? 0 : UndecidedBytes();
  std::string text = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return text;
}

size_t TextStream::UndecidedBytes() const {
  if (longest_stop_ == 0) return 0;
  for (size_t length = std::min(longest_stop_ - 1, held_.size()); length > 0; --length) {
    const std::string_view tail = std::string_view(held_).substr(held_.size() - length);
    for (const std::string& stop_string : stop_) {
      if (stop_string.size() > length && stop_string.starts_with(tail)) return length;
    }
  }
  return 0;
}

}  // namespace hadal::inference
