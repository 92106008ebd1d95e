#include "retrieval/clean/min_hash.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kShingleUnits = 4;

/// splitmix64 (Steele, Lea, Flood 2014), both the mixer of hashes and the source of constants.
constexpr uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// Multiply-shift (Dietzfelbinger 1996): the high half of a*x + b, a odd.
struct Permutations {
  std::array<uint64_t, kSignatureSize> a{};
  std::array<uint64_t, kSignatureSize> b{};
};

constexpr Permutations MakePermutations() {
  Permutations permutations;
  for (size_t i = 0; i < kSignatureSize; ++i) {
    permutations.a[i] = Mix(2 * i + 1) | 1;
    permutations.b[i] = Mix(2 * i + 2);
  }
  return permutations;
}

constexpr Permutations kPermutations = MakePermutations();

bool IsCjkUnit(char32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF) ||
         (c >= 0x3041 && c <= 0x30FF) || (c >= 0xAC00 && c <= 0xD7AF);
}

bool IsWordChar(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  return u_isalnum(static_cast<UChar32>(c)) != 0;
}

class Signer {
 public:
  Signer() { values_.fill(std::numeric_limits<uint32_t>::max()); }

  void AddUnit(uint64_t hash) {
    std::rotate(window_.begin(), window_.begin() + 1, window_.end());
    window_.back() = hash;
    ++units_;
    if (units_ >= kShingleUnits) AddShingle();
  }

  MinHashSignature Finish() {
    if (units_ == 0) return {};
    if (units_ < kShingleUnits) AddShingle();
    return MinHashSignature(values_.begin(), values_.end());
  }

 private:
  void AddShingle() {
    uint64_t shingle = 0;
    for (const uint64_t unit : window_) shingle = Mix(shingle ^ unit);
    for (size_t i = 0; i < kSignatureSize; ++i) {
      const auto value =
          static_cast<uint32_t>((kPermutations.a[i] * shingle + kPermutations.b[i]) >> 32);
      values_[i] = std::min(values_[i], value);
    }
  }

  std::array<uint64_t, kShingleUnits> window_{};
  std::array<uint32_t, kSignatureSize> values_;
  size_t units_ = 0;
};

}  // namespace

MinHashSignature SignatureOf(std::u32string_view folded) {
  Signer signer;
  for (size_t i = 0; i < folded.size();) {
    if (IsCjkUnit(folded[i])) {
      signer.AddUnit(Mix(folded[i++]));
    } else if (IsWordChar(folded[i])) {
      uint64_t word = 0;
      while (i < folded.size() && IsWordChar(folded[i]) && !IsCjkUnit(folded[i])) {
        word = Mix(word ^ folded[i++]);
      }
      signer.AddUnit(word);
    } else {
      ++i;
    }
  }
  return signer.Finish();
}

double SignatureSimilarity(const MinHashSignature& a, const MinHashSignature& b) {
  if (a.empty() || b.empty()) return 0;
  CHECK(a.size() == kSignatureSize && b.size() == kSignatureSize);
  size_t equal = 0;
  for (size_t i = 0; i < kSignatureSize; ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / kSignatureSize;
}

}  // namespace hadal::retrieval
