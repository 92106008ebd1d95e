#include "inference/kv/block_pool.h"

#include "base/check.h"

namespace hadal::inference {

BlockPool::BlockPool(int32_t num_blocks, int32_t block_size)
    : block_size_(block_size),
      index_(num_blocks, block_size),
      references_(static_cast<size_t>(num_blocks), 0),
      place_(static_cast<size_t>(num_blocks), reusable_.end()) {
  CHECK(num_blocks > 0 && block_size > 0);
  empty_.reserve(static_cast<size_t>(num_blocks));
  for (int32_t block = num_blocks - 1; block >= 0; --block) empty_.push_back(block);
}

std::optional<int32_t> BlockPool::Allocate() {
  int32_t block;
  if (!empty_.empty()) {
    block = empty_.back();
    empty_.pop_back();
  } else if (!reusable_.empty()) {
    block = reusable_.front();
    reusable_.pop_front();
    place_[static_cast<size_t>(block)] = reusable_.end();
    index_.Remove(block);
  } else {
    return std::nullopt;
  }
  CHECK(references_[static_cast<size_t>(block)] == 0);
  references_[static_cast<size_t>(block)] = 1;
  return block;
}

std::vector<int32_t> BlockPool::AcquirePrefix(std::string_view cache_namespace,
                                              absl::Span<const int32_t> tokens,
                                              int32_t expanded_tokens) {
  CHECK(expanded_tokens % block_size_ == 0);
  std::vector<int32_t> blocks;
  const auto size = static_cast<size_t>(block_size_);
  int32_t parent = PrefixIndex::kNone;
  for (size_t at = 0; at + size <= tokens.size(); at += size) {
    parent = index_.Find(cache_namespace, parent, tokens.subspan(at, size),
                         at < static_cast<size_t>(expanded_tokens));
    if (parent == PrefixIndex::kNone) break;
    Acquire(parent);
    blocks.push_back(parent);
  }
  return blocks;
}

int32_t BlockPool::Publish(std::string_view cache_namespace, int32_t parent,
                           absl::Span<const int32_t> tokens, int32_t block, bool expanded) {
  CHECK(references(block) > 0 && !index_.Contains(block));
  CHECK(parent == PrefixIndex::kNone || references(parent) > 0);
  const int32_t twin = index_.Find(cache_namespace, parent, tokens, expanded);
  if (twin == PrefixIndex::kNone) {
    index_.Insert(cache_namespace, parent, tokens, block, expanded);
    return block;
  }
  Acquire(twin);
  ReleaseOne(block, /*keep=*/false);  // it is in no index
  return twin;
}

void BlockPool::Release(absl::Span<const int32_t> blocks, bool keep) {
  for (auto it = blocks.rbegin(); it != blocks.rend(); ++it) ReleaseOne(*it, keep);
}

void BlockPool::Acquire(int32_t block) {
  const auto i = static_cast<size_t>(block);
  if (references_[i]++ > 0) return;
  CHECK(place_[i] != reusable_.end());
  reusable_.erase(place_[i]);
  place_[i] = reusable_.end();
}

void BlockPool::ReleaseOne(int32_t block, bool keep) {
  const auto i = static_cast<size_t>(block);
  CHECK(references_[i] > 0);
  if (--references_[i] > 0) return;
  const bool indexed = index_.Contains(block);
  if (indexed && keep) {
    place_[i] = reusable_.insert(reusable_.end(), block);
    return;
  }
  if (indexed) index_.Remove(block);
  empty_.push_back(block);
}

int32_t BlockTable::TakePrefix(std::string_view cache_namespace, absl::Span<const int32_t> tokens,
                               int32_t expanded_tokens) {
  CHECK(blocks_.empty());
  blocks_ = pool_->AcquirePrefix(cache_namespace, tokens, expanded_tokens);
  published_ = blocks_.size();
  return static_cast<int32_t>(blocks_.size()) * pool_->block_size();
}

bool BlockTable::Grow(int32_t num_tokens) {
  const int32_t wanted = (num_tokens + pool_->block_size() - 1) / pool_->block_size();
  const int32_t missing = wanted - static_cast<int32_t>(blocks_.size());
  if (missing > pool_->num_free()) return false;
  for (int32_t i = 0; i < missing; ++i) blocks_.push_back(*pool_->Allocate());
  return true;
}

void BlockTable::PublishComputed(std::string_view cache_namespace, absl::Span<const int32_t> tokens,
                                 int32_t computed, int32_t expanded_tokens) {
  const auto size = static_cast<size_t>(pool_->block_size());
  for (; (published_ + 1) * size <= static_cast<size_t>(computed); ++published_) {
    const int32_t parent = published_ == 0 ? PrefixIndex::kNone : blocks_[published_ - 1];
    const size_t at = published_ * size;
    blocks_[published_] =
        pool_->Publish(cache_namespace, parent, tokens.subspan(at, size), blocks_[published_],
                       at < static_cast<size_t>(expanded_tokens));
  }
}

void BlockTable::Clear() {
  pool_->Release(blocks_, keep_);
  blocks_.clear();
  published_ = 0;
}

}  // namespace hadal::inference
