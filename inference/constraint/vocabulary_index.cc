#include "inference/constraint/vocabulary_index.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

/// No answer is made of longer tokens, and the depth of a node has 16 bits.
constexpr size_t kMaxTokenBytes = std::numeric_limits<uint16_t>::max();

/// The characters of a plain token; none when it is not plain.
std::optional<uint32_t> CountPlain(std::string_view bytes) {
  uint32_t count = 0;
  while (!bytes.empty()) {
    const DecodedChar next = DecodeUtf8(bytes);
    if (!next.valid || (next.code_point < 0x80 && !IsPlainAscii(next.code_point))) {
      return std::nullopt;
    }
    bytes.remove_prefix(next.size_bytes);
    ++count;
  }
  return count;
}

}  // namespace

VocabularyIndex::VocabularyIndex(const Tokenizer& tokenizer)
    : vocabulary_size_(tokenizer.vocabulary_size()),
      end_tokens_(tokenizer.end_tokens()),
      all_plain_(vocabulary_size_) {
  std::vector<int32_t> plain;
  std::vector<int32_t> others;
  offsets_.push_back(0);
  for (int32_t id = 0; id < vocabulary_size_; ++id) {
    const bool ends = std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
    const std::string bytes = ends ? std::string() : tokenizer.TokenBytes(id);
    if (!bytes.empty() && bytes.size() <= kMaxTokenBytes) {
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
      longest_token_ = std::max(longest_token_, bytes.size());
      if (const std::optional<uint32_t> chars = CountPlain(bytes)) {
        plain.push_back(id);
        plain_by_length_.emplace_back(*chars, id);
        longest_plain_ = std::max<size_t>(longest_plain_, *chars);
        all_plain_.Allow(id);
      } else {
        others.push_back(id);
      }
    }
    offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
  std::sort(plain_by_length_.begin(), plain_by_length_.end());
  plain_ = MakeTrie(std::move(plain));
  others_ = MakeTrie(std::move(others));
}

TokenTrie VocabularyIndex::MakeTrie(std::vector<int32_t> tokens) const {
  std::sort(tokens.begin(), tokens.end(), [this](int32_t a, int32_t b) {
    const auto left = BytesOf(a);
    const auto right = BytesOf(b);
    if (left == right) return a < b;
    return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
  });
  TokenTrie trie;
  std::vector<uint32_t> path;  // open nodes from the root down
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      trie.nodes[path.back()].end = static_cast<uint32_t>(trie.nodes.size());
    }
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto bytes = BytesOf(tokens[i]);
    size_t shared = 0;
    while (shared < path.size() && shared < bytes.size() &&
           trie.nodes[path[shared]].byte == bytes[shared]) {
      ++shared;
    }
    close_to(shared);
    while (path.size() < bytes.size()) {
      path.push_back(static_cast<uint32_t>(trie.nodes.size()));
      trie.nodes.push_back({0, static_cast<uint32_t>(i), 0, static_cast<uint16_t>(path.size()),
                            bytes[path.size() - 1]});
    }
    ++trie.nodes[path.back()].num_tokens;
  }
  close_to(0);
  trie.tokens = std::move(tokens);
  return trie;
}

void VocabularyIndex::AllowPlain(size_t chars, TokenMask& mask) const {
  if (chars >= longest_plain_) {
    mask.AllowAllOf(all_plain_);
    return;
  }
  for (const auto& [length, token] : plain_by_length_) {
    if (length > chars) break;
    mask.Allow(token);
  }
}

absl::Span<const uint8_t> VocabularyIndex::BytesOf(int32_t token) const {
  if (token < 0 || token >= vocabulary_size_) return {};
  const size_t begin = offsets_[static_cast<size_t>(token)];
  const size_t end = offsets_[static_cast<size_t>(token) + 1];
  return absl::MakeConstSpan(bytes_).subspan(begin, end - begin);
}

}  // namespace hadal::inference
