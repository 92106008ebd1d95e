#include "retrieval/index/dot_product.h"

#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hadal::retrieval {

void ScoreRowsScalar(const float* base, size_t dim, const float* query,
                     absl::Span<const uint32_t> rows, float* out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const float* row = base + size_t{rows[i]} * dim;
    float sum = 0;
    for (size_t d = 0; d < dim; ++d) sum += row[d] * query[d];
    out[i] = sum;
  }
}

namespace {

#if defined(__x86_64__)

// Allowed rows lie apart in memory; asking for one this far ahead hides its first miss. 4 rows of
// 384 floats are 6 KiB.
constexpr size_t kPrefetchRows = 4;

__attribute__((target("avx512f"))) void ScoreRowsAvx512(const float* base, size_t dim,
                                                        const float* query,
                                                        absl::Span<const uint32_t> rows,
                                                        float* out) {
  const size_t body = dim & ~size_t{31};
  for (size_t i = 0; i < rows.size(); ++i) {
    const float* row = base + size_t{rows[i]} * dim;
    if (i + kPrefetchRows < rows.size()) {
      _mm_prefetch(base + size_t{rows[i + kPrefetchRows]} * dim, _MM_HINT_T0);
    }
    __m512 sum0 = _mm512_setzero_ps();
    __m512 sum1 = _mm512_setzero_ps();
    for (size_t d = 0; d < body; d += 32) {
      sum0 = _mm512_fmadd_ps(_mm512_loadu_ps(row + d), _mm512_loadu_ps(query + d), sum0);
      sum1 = _mm512_fmadd_ps(_mm512_loadu_ps(row + d + 16), _mm512_loadu_ps(query + d + 16), sum1);
    }
    float sum = _mm512_reduce_add_ps(_mm512_add_ps(sum0, sum1));
    for (size_t d = body; d < dim; ++d) sum += row[d] * query[d];
    out[i] = sum;
  }
}

__attribute__((target("avx2,fma"))) void ScoreRowsAvx2(const float* base, size_t dim,
                                                       const float* query,
                                                       absl::Span<const uint32_t> rows,
                                                       float* out) {
  const size_t body = dim & ~size_t{15};
  for (size_t i = 0; i < rows.size(); ++i) {
    const float* row = base + size_t{rows[i]} * dim;
    if (i + kPrefetchRows < rows.size()) {
      _mm_prefetch(base + size_t{rows[i + kPrefetchRows]} * dim, _MM_HINT_T0);
    }
    __m256 sum0 = _mm256_setzero_ps();
    __m256 sum1 = _mm256_setzero_ps();
    for (size_t d = 0; d < body; d += 16) {
      sum0 = _mm256_fmadd_ps(_mm256_loadu_ps(row + d), _mm256_loadu_ps(query + d), sum0);
      sum1 = _mm256_fmadd_ps(_mm256_loadu_ps(row + d + 8), _mm256_loadu_ps(query + d + 8), sum1);
    }
    const __m256 both = _mm256_add_ps(sum0, sum1);
    __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1));
    quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    quarter = _mm_add_ss(quarter, _mm_movehdup_ps(quarter));
    float sum = _mm_cvtss_f32(quarter);
    for (size_t d = body; d < dim; ++d) sum += row[d] * query[d];
    out[i] = sum;
  }
}

#endif

std::vector<ScoreRowsFn> FindPaths() {
  std::vector<ScoreRowsFn> paths;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) paths.push_back(&ScoreRowsAvx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    paths.push_back(&ScoreRowsAvx2);
  }
#endif
  paths.push_back(&ScoreRowsScalar);
  return paths;
}

const std::vector<ScoreRowsFn>& Paths() {
  static const std::vector<ScoreRowsFn>* const paths = new std::vector<ScoreRowsFn>(FindPaths());
  return *paths;
}

}  // namespace

ScoreRowsFn FastestScoreRows() { return Paths().front(); }

absl::Span<const ScoreRowsFn> AvailableScoreRows() { return Paths(); }

}  // namespace hadal::retrieval
