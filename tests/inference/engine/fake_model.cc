#include "tests/inference/engine/fake_model.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/utf8.h"
#include "inference/constraint.h"
#include "inference/sampling/logit_adjuster.h"
#include "inference/sampling/sampler.h"
#include "inference/sampling/text_stream.h"

namespace hadal::inference::testing {
namespace {

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

uint64_t Extend(uint64_t hash, int32_t token) {
  return Mix(hash * 3 + static_cast<uint64_t>(token) + 0x9E3779B97F4A7C15ull);
}

uint64_t HashLast(absl::Span<const int32_t> tokens, int32_t memory) {
  const size_t skip = tokens.size() - std::min(tokens.size(), static_cast<size_t>(memory));
  uint64_t hash = 0;
  for (const int32_t token : tokens.subspan(skip)) hash = Extend(hash, token);
  return hash;
}

void FillLogits(uint64_t hash, absl::Span<float> row) {
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = static_cast<float>(Mix(hash + i) >> 40) * 0x1p-21f;  // 0 to 8
  }
  row[kEndToken] -= 2.0f;  // generations of some length
}

class PlainKvCache final : public KvCache {
 public:
  PlainKvCache(const KvLayout& layout, int32_t num_blocks, int32_t block_size)
      : layout_(layout),
        num_blocks_(num_blocks),
        block_size_(block_size),
        keys_(static_cast<size_t>(num_blocks) * static_cast<size_t>(block_size)),
        values_(keys_.size()) {}
  const KvLayout& layout() const override { return layout_; }
  int32_t num_blocks() const override { return num_blocks_; }
  int32_t block_size() const override { return block_size_; }
  void* KeyBlock(int32_t, int32_t block) override { return &keys_[Offset(block)]; }
  void* ValueBlock(int32_t, int32_t block) override { return &values_[Offset(block)]; }

 private:
  size_t Offset(int32_t block) const {
    CHECK(block >= 0 && block < num_blocks_);
    return static_cast<size_t>(block) * static_cast<size_t>(block_size_);
  }
  const KvLayout layout_;
  const int32_t num_blocks_;
  const int32_t block_size_;
  std::vector<float> keys_;
  std::vector<float> values_;
};

}  // namespace

FakeDecoder::FakeDecoder(int32_t context_length) {
  config_.architecture = "fake";
  config_.vocabulary = kVocabulary;
  config_.context_length = context_length;
  layout_ = {/*num_layers=*/1, {KvDtype::kF32, 1}, {KvDtype::kF32, 1}};
}

Status FakeDecoder::Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                            absl::Span<float> logits) {
  ++forwards;
  if (before_forward) RETURN_IF_ERROR(before_forward(batch));
  const int32_t block_size = cache.block_size();
  const auto slot = [&](const SequenceSlice& slice, int32_t position) -> float& {
    const int32_t block = slice.block_table[static_cast<size_t>(position / block_size)];
    return static_cast<float*>(cache.KeyBlock(0, block))[position % block_size];
  };
  int32_t tokens = 0;
  std::set<std::pair<int32_t, int32_t>> written;
  for (const SequenceSlice& slice : batch) {
    CHECK(!slice.tokens.empty());
    for (size_t i = 0; i < slice.tokens.size(); ++i) {
      const int32_t position = slice.position + static_cast<int32_t>(i);
      const int32_t form = position < slice.expanded_tokens ? kVocabulary : 0;
      slot(slice, position) = static_cast<float>(slice.tokens[i] + form);
      const int32_t block = slice.block_table[static_cast<size_t>(position / block_size)];
      CHECK(written.insert({block, position % block_size}).second);
    }
    tokens += static_cast<int32_t>(slice.tokens.size());
  }
  size_t row = 0;
  seen_.clear();
  for (const SequenceSlice& slice : batch) {
    if (slice.num_logits == 0 && !drafts) continue;
    std::vector<int32_t> seen;
    const int32_t end = slice.position + static_cast<int32_t>(slice.tokens.size());
    for (int32_t position = 0; position < end; ++position) {
      seen.push_back(static_cast<int32_t>(slot(slice, position)));
      if (drafts && position >= slice.position) seen_.push_back(seen);
      if (position < end - slice.num_logits) continue;
      FillLogits(HashLast(seen, memory), logits.subspan(row++ * kVocabulary, kVocabulary));
    }
  }
  CHECK(logits.size() == row * kVocabulary);
  tokens_run += tokens;
  largest_batch_tokens = std::max(largest_batch_tokens.load(), tokens);
  largest_batch_sequences =
      std::max(largest_batch_sequences.load(), static_cast<int>(batch.size()));
  return OkStatus();
}

// The value of a position holds the token that followed it.
Status FakeDecoder::Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
                          absl::Span<float> logits) {
  RETURN_IF_ERROR(draft_error);
  const int32_t block_size = cache.block_size();
  size_t row = 0;
  for (const SequenceSlice& slice : batch) {
    const auto count = static_cast<int32_t>(slice.tokens.size());
    CHECK(slice.first_row >= 0 &&
          static_cast<size_t>(slice.first_row) + slice.tokens.size() <= seen_.size());
    for (int32_t i = 0; i < count; ++i) {
      std::vector<int32_t> seen = seen_[static_cast<size_t>(slice.first_row + i)];
      CHECK(static_cast<int32_t>(seen.size()) == slice.position + i + 1);
      seen.push_back(slice.tokens[static_cast<size_t>(i)]);
      const auto value = [&](int32_t position) -> float& {
        const int32_t block = slice.block_table[static_cast<size_t>(position / block_size)];
        return static_cast<float*>(cache.ValueBlock(0, block))[position % block_size];
      };
      value(slice.position + i) = static_cast<float>(seen.back());
      for (int32_t p = 0; p <= slice.position + i; ++p) {
        if (static_cast<int32_t>(value(p)) != seen[static_cast<size_t>(p) + 1]) {
          ++draft_cache_misses;
        }
      }
      if (count - i > slice.num_logits) continue;
      FillLogits(HashLast(seen, memory), logits.subspan(row++ * kVocabulary, kVocabulary));
    }
  }
  CHECK(logits.size() == row * kVocabulary);
  return OkStatus();
}

FakeTokenizer::FakeTokenizer(int32_t vocabulary) {
  pieces_ = {"<|im_start|>", "<|im_end|>", "\xE4",     "\xB8",     "\xAD",
             "\xE6\x96",     "\x87",       "\xF0\x9F", "\x99\x82", "中文"};
  for (char c = 'a'; pieces_.size() < kVocabulary; c = c == 'z' ? 'A' : static_cast<char>(c + 1)) {
    pieces_.push_back(std::string(1 + pieces_.size() % 2, c));
  }
  for (size_t i = kVocabulary; i < static_cast<size_t>(vocabulary); ++i) {
    pieces_.push_back({static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26)});
  }
}

std::vector<int32_t> FakeTokenizer::Encode(std::string_view text, const EncodeOptions&) const {
  std::vector<int32_t> ids;
  for (char c : text) ids.push_back(2 + static_cast<uint8_t>(c) % (kVocabulary - 2));
  return ids;
}

std::string FakeTokenizer::Decode(const std::vector<int32_t>& ids, bool) const {
  std::string bytes;
  for (int32_t id : ids) bytes += TokenBytes(id);
  return SanitizeUtf8(bytes);
}

std::string FakeTokenizer::TokenBytes(int32_t id) const {
  if (id < 0 || id >= vocabulary_size() || IsSpecial(id)) return {};
  return pieces_[static_cast<size_t>(id)];
}

int32_t FakeTokenizer::TokenId(std::string_view piece) const {
  const auto it = std::find(pieces_.begin(), pieces_.end(), piece);
  return it == pieces_.end() ? -1 : static_cast<int32_t>(it - pieces_.begin());
}

Generated ReferenceGenerate(const GenerateRequest& request, int32_t memory) {
  const FakeTokenizer tokenizer;
  LogitAdjuster adjuster;
  Sampler sampler;
  TextStream text(request.sampling.stop);
  Generated generated;
  std::vector<float> logits(kVocabulary);
  std::vector<int32_t> tokens = request.prompt_tokens;
  std::optional<ConstraintState> constraint;
  if (request.constraint != nullptr) constraint.emplace(request.constraint);
  while (true) {
    FillLogits(HashLast(tokens, memory), absl::MakeSpan(logits));
    const auto adjusted =
        adjuster.Adjust(logits, request.sampling, tokens, request.prompt_tokens.size());
    std::vector<float> masked(adjusted.begin(), adjusted.end());
    if (constraint) (*constraint->AllowedTokens())->Apply(absl::MakeSpan(masked));
    const int32_t token = *sampler.Sample(masked, request.sampling, tokens.size());
    if (constraint) CHECK(constraint->Accept(token));
    generated.tokens.push_back(token);
    tokens.push_back(token);
    if (token == kEndToken) break;
    generated.text += text.Append(tokenizer.TokenBytes(token));
    if (text.stopped() || (constraint && constraint->IsFinished())) break;
    if (static_cast<int32_t>(generated.tokens.size()) == request.sampling.max_tokens) {
      generated.reason = FinishReason::kLength;
      break;
    }
  }
  generated.text += text.Finish();
  return generated;
}

std::unique_ptr<KvCache> MakeKvCache(const KvLayout& layout, int32_t num_blocks,
                                     int32_t block_size) {
  return std::make_unique<PlainKvCache>(layout, num_blocks, block_size);
}

}  // namespace hadal::inference::testing
