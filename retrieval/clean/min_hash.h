#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// Smallest values of 128 hash functions over the shingles of a text (Broder 1997). Stored with
/// documents: what is computed here may never change; another way gets another name.
inline constexpr size_t kSignatureSize = 128;
using MinHashSignature = std::vector<uint32_t>;

/// Of a text folded by TextFolder. A shingle is four units in a row, a unit a CJK character or a
/// word; blanks and punctuation do not count. Empty for a text without units; a text of fewer than
/// four is one shingle. Linear time, 128 multiplications a unit. Pure.
MinHashSignature SignatureOf(std::u32string_view folded);

/// The share of equal values: an estimate of the share of shingles that two texts have in common
/// (Jaccard), with a standard deviation of at most 0.045. 0 when either is empty.
double SignatureSimilarity(const MinHashSignature& a, const MinHashSignature& b);

}  // namespace hadal::retrieval
