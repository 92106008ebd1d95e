#include "inference/engine/batch_message.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr size_t kFixedWords = 5;
constexpr size_t kSliceWords = 6;
// What every message has room for: a decode step of some ten sequences is one broadcast.
constexpr size_t kFirstWords = 1024;
constexpr int32_t kMaxWords = 1 << 26;

}  // namespace

BatchMessage BatchMessage::Run(Kind kind, int32_t model, absl::Span<const SequenceSlice> batch,
                               const KvCache& cache) {
  BatchMessage message(kind, model);
  std::vector<int32_t>& words = message.words_;
  words[3] = cache.num_blocks();
  words[4] = cache.block_size();
  for (const SequenceSlice& slice : batch) {
    words.insert(words.end(), {static_cast<int32_t>(slice.tokens.size()), slice.position,
                               slice.num_logits, slice.expanded_tokens, slice.first_row,
                               static_cast<int32_t>(slice.block_table.size())});
    words.insert(words.end(), slice.tokens.begin(), slice.tokens.end());
    words.insert(words.end(), slice.block_table.begin(), slice.block_table.end());
  }
  words[1] = static_cast<int32_t>(words.size());
  return message;
}

BatchMessage BatchMessage::Move(int32_t model, int32_t layer, const ExpertPlacement& placement) {
  BatchMessage message(Kind::kMove, model);
  std::vector<int32_t>& words = message.words_;
  words[3] = layer;
  for (const std::vector<int32_t>& experts : placement.experts_of_rank) {
    words.push_back(static_cast<int32_t>(experts.size()));
    words.insert(words.end(), experts.begin(), experts.end());
  }
  words[1] = static_cast<int32_t>(words.size());
  return message;
}

Status BatchMessage::Broadcast(Communicator& ranks) const {
  std::vector<int32_t> sent = words_;
  sent.resize(std::max(sent.size(), kFirstWords));
  RETURN_IF_ERROR(ranks.Broadcast(0, AsWritableBytes(absl::MakeSpan(sent.data(), kFirstWords))));
  if (sent.size() == kFirstWords) return OkStatus();
  return ranks.Broadcast(0, AsWritableBytes(absl::MakeSpan(sent).subspan(kFirstWords)));
}

StatusOr<BatchMessage> BatchMessage::Receive(Communicator& ranks) {
  BatchMessage message(Kind::kTick);
  std::vector<int32_t>& words = message.words_;
  words.resize(kFirstWords);
  RETURN_IF_ERROR(ranks.Broadcast(0, AsWritableBytes(absl::MakeSpan(words))));
  const int32_t count = words[1];
  if (words[0] < 0 || words[0] > static_cast<int32_t>(Kind::kLeave) ||
      count < static_cast<int32_t>(kFixedWords) || count > kMaxWords) {
    return Internal("rank 0 sent a message of kind {} with {} words", words[0], count);
  }
  words.resize(std::max(static_cast<size_t>(count), kFirstWords));
  if (words.size() > kFirstWords) {
    RETURN_IF_ERROR(
        ranks.Broadcast(0, AsWritableBytes(absl::MakeSpan(words).subspan(kFirstWords))));
  }
  words.resize(static_cast<size_t>(count));
  return message;
}

StatusOr<std::vector<SequenceSlice>> BatchMessage::Slices() const {
  std::vector<SequenceSlice> batch;
  absl::Span<const int32_t> left = absl::MakeConstSpan(words_).subspan(kFixedWords);
  while (!left.empty()) {
    if (left.size() < kSliceWords || left[0] < 0 || left[5] < 0 ||
        left.size() - kSliceWords < static_cast<size_t>(left[0]) + static_cast<size_t>(left[5])) {
      return Internal("rank 0 sent a batch that ends inside its slice {}", batch.size());
    }
    SequenceSlice slice;
    slice.tokens = left.subspan(kSliceWords, static_cast<size_t>(left[0]));
    slice.position = left[1];
    slice.num_logits = left[2];
    slice.expanded_tokens = left[3];
    slice.first_row = left[4];
    slice.block_table =
        left.subspan(kSliceWords + slice.tokens.size(), static_cast<size_t>(left[5]));
    left.remove_prefix(kSliceWords + slice.tokens.size() + slice.block_table.size());
    batch.push_back(slice);
  }
  return batch;
}

StatusOr<ExpertPlacement> BatchMessage::Placement() const {
  ExpertPlacement placement;
  absl::Span<const int32_t> left = absl::MakeConstSpan(words_).subspan(kFixedWords);
  while (!left.empty()) {
    const int32_t count = left.front();
    left.remove_prefix(1);
    if (count < 0 || static_cast<size_t>(count) > left.size()) {
      return Internal("rank 0 sent a placement that ends inside its rank {}",
                      placement.experts_of_rank.size());
    }
    const auto experts = left.first(static_cast<size_t>(count));
    placement.experts_of_rank.emplace_back(experts.begin(), experts.end());
    left.remove_prefix(experts.size());
  }
  return placement;
}

}  // namespace hadal::inference
