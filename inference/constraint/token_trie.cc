#include "inference/constraint/token_trie.h"

#include <algorithm>
#include <limits>
#include <string>

namespace hadal::inference {

TokenTrie::TokenTrie(const Tokenizer& tokenizer)
    : vocabulary_size_(tokenizer.vocabulary_size()), end_tokens_(tokenizer.end_tokens()) {
  offsets_.push_back(0);
  for (int32_t id = 0; id < vocabulary_size_; ++id) {
    const bool ends = std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
    const std::string bytes = ends ? std::string() : tokenizer.TokenBytes(id);
    // No answer is made of longer tokens, and the depth of a node has 16 bits.
    if (!bytes.empty() && bytes.size() <= std::numeric_limits<uint16_t>::max()) {
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
      tokens_.push_back(id);
      longest_token_ = std::max(longest_token_, bytes.size());
    }
    offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
  std::sort(tokens_.begin(), tokens_.end(), [this](int32_t a, int32_t b) {
    const auto left = BytesOf(a);
    const auto right = BytesOf(b);
    if (left == right) return a < b;
    return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
  });
  std::vector<uint32_t> path;  // open nodes from the root down
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
    }
  };
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const auto bytes = BytesOf(tokens_[i]);
    size_t shared = 0;
    while (shared < path.size() && shared < bytes.size() &&
           nodes_[path[shared]].byte == bytes[shared]) {
      ++shared;
    }
    close_to(shared);
    while (path.size() < bytes.size()) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(i), 0, static_cast<uint16_t>(path.size()),
                        bytes[path.size() - 1]});
    }
    ++nodes_[path.back()].num_tokens;
  }
  close_to(0);
}

absl::Span<const uint8_t> TokenTrie::BytesOf(int32_t token) const {
  if (token < 0 || token >= vocabulary_size_) return {};
  const size_t begin = offsets_[static_cast<size_t>(token)];
  const size_t end = offsets_[static_cast<size_t>(token) + 1];
  return absl::MakeConstSpan(bytes_).subspan(begin, end - begin);
}

}  // namespace hadal::inference
