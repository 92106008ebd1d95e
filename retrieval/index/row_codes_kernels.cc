#include <vector>

#include "retrieval/index/row_codes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hadal::retrieval {
namespace {

void ScanScalar(const int8_t* codes, const CodedQuery& query, absl::Span<const uint32_t> rows,
                int32_t* out) {
  const size_t stride = query.stride();
  for (size_t i = 0; i < rows.size(); ++i) {
    const int8_t* row = codes + size_t{rows[i]} * stride;
    int32_t sum = 0;
    for (size_t d = 0; d < stride; ++d) sum += int32_t{row[d]} * query.values()[d];
    out[i] = sum;
  }
}

int32_t DotScalar(const int8_t* a, const int8_t* b, size_t stride) {
  int32_t sum = 0;
  for (size_t d = 0; d < stride; ++d) sum += int32_t{a[d]} * b[d];
  return sum;
}

#if defined(__x86_64__)

// Allowed rows lie apart in memory: all lines of the row this far ahead are asked for, since the
// hardware does not follow jumps.
constexpr size_t kPrefetchRows = 6;

inline void PrefetchRow(const int8_t* codes, size_t stride, absl::Span<const uint32_t> rows,
                        size_t i) {
  if (i + kPrefetchRows >= rows.size()) return;
  const int8_t* row = codes + size_t{rows[i + kPrefetchRows]} * stride;
  for (size_t d = 0; d < stride; d += 64) _mm_prefetch(row + d, _MM_HINT_T0);
}

#define HADAL_AVX2 __attribute__((target("avx2")))

HADAL_AVX2 inline int32_t ReduceAvx2(__m256i sum) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(1, 0, 3, 2)));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(half);
}

#define HADAL_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

// Through memory: GCC 12 warns of its own extract intrinsics in functions with a target.
HADAL_VNNI inline int32_t ReduceAvx512(__m512i sum) {
  alignas(64) int32_t lanes[16];
  _mm512_store_si512(lanes, sum);
  const auto* halves = reinterpret_cast<const __m256i*>(lanes);
  return ReduceAvx2(_mm256_add_epi32(_mm256_load_si256(halves), _mm256_load_si256(halves + 1)));
}

// vpdpbusd wants one side unsigned: codes + 128, whose surplus is 128 times the other side's sum.
HADAL_VNNI void ScanVnni(const int8_t* codes, const CodedQuery& query,
                         absl::Span<const uint32_t> rows, int32_t* out) {
  const size_t stride = query.stride();
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  const int32_t surplus = 128 * query.sum();
  for (size_t i = 0; i < rows.size(); ++i) {
    const int8_t* row = codes + size_t{rows[i]} * stride;
    PrefetchRow(codes, stride, rows, i);
    __m512i high = _mm512_setzero_si512();
    __m512i low = _mm512_setzero_si512();
    for (size_t d = 0; d < stride; d += 64) {
      const __m512i biased = _mm512_xor_si512(_mm512_loadu_si512(row + d), flip);
      high = _mm512_dpbusd_epi32(high, biased, _mm512_loadu_si512(query.high() + d));
      low = _mm512_dpbusd_epi32(low, biased, _mm512_loadu_si512(query.low() + d));
    }
    const __m512i both = _mm512_add_epi32(_mm512_slli_epi32(high, 7), low);
    out[i] = static_cast<int32_t>(static_cast<uint32_t>(ReduceAvx512(both)) -
                                  static_cast<uint32_t>(surplus));
  }
}

HADAL_VNNI int32_t DotVnni(const int8_t* a, const int8_t* b, size_t stride) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i sum = _mm512_setzero_si512();
  __m512i surplus = _mm512_setzero_si512();
  for (size_t d = 0; d < stride; d += 64) {
    const __m512i right = _mm512_loadu_si512(b + d);
    sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(_mm512_loadu_si512(a + d), flip), right);
    surplus = _mm512_dpbusd_epi32(surplus, flip, right);  // the byte 128, unsigned
  }
  return ReduceAvx512(_mm512_sub_epi32(sum, surplus));
}

#undef HADAL_VNNI

HADAL_AVX2 inline __m256i Widen(const int8_t* codes) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
}

HADAL_AVX2 void ScanAvx2(const int8_t* codes, const CodedQuery& query,
                         absl::Span<const uint32_t> rows, int32_t* out) {
  const size_t stride = query.stride();
  for (size_t i = 0; i < rows.size(); ++i) {
    const int8_t* row = codes + size_t{rows[i]} * stride;
    PrefetchRow(codes, stride, rows, i);
    __m256i sum0 = _mm256_setzero_si256();
    __m256i sum1 = _mm256_setzero_si256();
    for (size_t d = 0; d < stride; d += 32) {
      const auto* values = reinterpret_cast<const __m256i*>(query.values() + d);
      sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(Widen(row + d), _mm256_loadu_si256(values)));
      sum1 = _mm256_add_epi32(
          sum1, _mm256_madd_epi16(Widen(row + d + 16), _mm256_loadu_si256(values + 1)));
    }
    out[i] = ReduceAvx2(_mm256_add_epi32(sum0, sum1));
  }
}

HADAL_AVX2 int32_t DotAvx2(const int8_t* a, const int8_t* b, size_t stride) {
  __m256i sum = _mm256_setzero_si256();
  for (size_t d = 0; d < stride; d += 16) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(Widen(a + d), Widen(b + d)));
  }
  return ReduceAvx2(sum);
}

#undef HADAL_AVX2

#endif

std::vector<CodeKernels> FindKernels() {
  std::vector<CodeKernels> kernels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
    kernels.push_back({&ScanVnni, &DotVnni});
  }
  if (__builtin_cpu_supports("avx2")) kernels.push_back({&ScanAvx2, &DotAvx2});
#endif
  kernels.push_back({&ScanScalar, &DotScalar});
  return kernels;
}

const std::vector<CodeKernels>& Kernels() {
  static const std::vector<CodeKernels>* const kernels =
      new std::vector<CodeKernels>(FindKernels());
  return *kernels;
}

}  // namespace

const CodeKernels& FastestCodeKernels() { return Kernels().front(); }

absl::Span<const CodeKernels> AvailableCodeKernels() { return Kernels(); }

}  // namespace hadal::retrieval
