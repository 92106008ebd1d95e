#include "inference/engine/draft_length.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr int32_t kMaxPauseBits = 5;

}  // namespace

int32_t DraftLength::Next() {
  if (pause_ == 0) return length_;
  --pause_;
  return 0;
}

void DraftLength::Learn(int32_t guessed, int32_t held) {
  if (held == guessed) {
    length_ = std::min(kMost, length_ + 4);
    misses_ = 0;
    return;
  }
  length_ = std::max(2, held + 1);
  misses_ = held > 0 ? 0 : misses_ + 1;
  if (misses_ > 1) pause_ = 1 << std::min(misses_, kMaxPauseBits);
}

}  // namespace hadal::inference
