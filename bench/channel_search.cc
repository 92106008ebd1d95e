// One channel alone on data of somebody else's making, for bench/vs_faiss.py and bench/vs_bm25s.py:
//   channel_search dense  VECTORS QUERIES DIM     float32, row after row
//   channel_search words  CHUNKS  QUERIES         uint32: a length, then so many terms, and so on
// It prints "ready", and for each line of its input ("flat", "graph 64", "words") searches all
// queries for 10 chunks on one thread, and prints the processor seconds and the chunks of all
// queries, -1 where there are fewer.

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>

#include "base/file.h"
#include "retrieval/index/dense_scan.h"
#include "retrieval/index/graph.h"
#include "retrieval/index/lexical_search.h"
#include "retrieval/index/memory_segment.h"
#include "retrieval/index/sealed_segment.h"
#include "retrieval/index/segment_writer.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kHits = 10;
using Hits = std::array<int64_t, kHits>;

double ThreadSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Value>
StatusOr<std::vector<Value>> ReadNumbers(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, size_t{8} << 30));
  std::vector<Value> numbers(bytes.size() / sizeof(Value));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Value));
  return numbers;
}

/// All chunks in one sealed segment, as an index of many holds them.
struct Everything {
  std::unique_ptr<TempDir> folder;
  std::unique_ptr<SealedSegment> segment;
  std::vector<SearchPart> parts;
};

StatusOr<Everything> Seal(const MemorySegment& chunks, int32_t dim, uint64_t terms) {
  Everything all;
  ASSIGN_OR_RETURN(all.folder, TempDir::Create());
  std::vector<uint32_t> slots(chunks.size());
  for (uint32_t slot = 0; slot < slots.size(); ++slot) slots[slot] = slot;
  const SegmentIdentity identity = {dim, "m", 1};
  const std::string path = all.folder->path() + "/segment";
  const std::vector<std::string> names = {""};
  const bool graph = dim > 1;
  RETURN_IF_ERROR(WriteSegment(path, identity, {{{&chunks, slots}}},
                               {.language_names = names, .graph_chunks = graph ? 1u : 0u}));
  ASSIGN_OR_RETURN(all.segment, SealedSegment::Open(path, identity, nullptr));
  ::Roaring every;
  every.addRange(0, chunks.size());
  all.parts = {
      {all.segment.get(), std::make_shared<const AllowedSlots>(every, terms, *all.segment), 0}};
  return all;
}

/// The best of those that may be among them, by float32.
Hits Best(std::vector<std::pair<float, int64_t>> scored) {
  Hits hits;
  hits.fill(-1);
  const size_t kept = std::min(kHits, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(kept),
                    scored.end(), [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  for (size_t i = 0; i < kept; ++i) hits[i] = scored[i].second;
  return hits;
}

Hits Refined(absl::Span<const float> query, const Everything& all, std::vector<size_t> positions) {
  std::sort(positions.begin(), positions.end());
  const std::vector<float> cosines = ExactCosines(query, all.parts, positions);
  std::vector<std::pair<float, int64_t>> scored;
  for (size_t i = 0; i < positions.size(); ++i) {
    scored.emplace_back(cosines[i], static_cast<int64_t>(positions[i]));
  }
  return Best(std::move(scored));
}

Hits Flat(absl::Span<const float> query, const Everything& all) {
  const DenseScan scan(query, all.parts);
  std::vector<float> sure;  // the ten best of what cosines are at least; the smallest first
  for (size_t i = 0; i < scan.size(); ++i) {
    const float least = scan.cosines()[i] - scan.bounds()[i];
    if (sure.size() == kHits && least <= sure.front()) continue;
    if (sure.size() == kHits) {
      std::pop_heap(sure.begin(), sure.end(), std::greater<>());
      sure.pop_back();
    }
    sure.push_back(least);
    std::push_heap(sure.begin(), sure.end(), std::greater<>());
  }
  std::vector<size_t> close;
  for (size_t i = 0; i < scan.size(); ++i) {
    if (scan.cosines()[i] + scan.bounds()[i] >= sure.front()) close.push_back(i);
  }
  return Refined(query, all, std::move(close));
}

Hits Walk(absl::Span<const float> query, const Everything& all, size_t width) {
  std::vector<GraphHit> near;
  int64_t examined = 0;
  all.segment->graphs()[0].Search(CodedQuery(query), all.segment->rows(), *all.parts[0].allowed,
                                  width, INT64_MAX, near, examined);
  std::vector<size_t> positions;
  for (const GraphHit& hit : near) positions.push_back(hit.slot);
  return Refined(query, all, std::move(positions));
}

Hits Words(const std::vector<TermId>& query, const Everything& all) {
  std::vector<std::pair<float, int64_t>> scored;
  for (const LexicalHit& hit : LexicalSearch(query, all.parts).Best(kHits)) {
    scored.emplace_back(hit.score, static_cast<int64_t>(hit.position));
  }
  return Best(std::move(scored));
}

template <typename Search>
void Print(size_t queries, const Search& search) {
  std::vector<Hits> hits(queries);
  const double before = ThreadSeconds();
  for (size_t i = 0; i < queries; ++i) hits[i] = search(i);
  std::printf("%.6f", ThreadSeconds() - before);
  for (const Hits& of_query : hits) {
    for (const int64_t hit : of_query) std::printf(" %ld", static_cast<long>(hit));
  }
  std::printf("\n");
  std::fflush(stdout);
}

Status RunDense(const std::string& vectors_path, const std::string& queries_path, int32_t dim) {
  ASSIGN_OR_RETURN(const std::vector<float> vectors, ReadNumbers<float>(vectors_path));
  ASSIGN_OR_RETURN(const std::vector<float> queries, ReadNumbers<float>(queries_path));
  const size_t width = static_cast<size_t>(dim);
  Everything all;
  {
    MemorySegment chunks(dim);
    for (size_t i = 0; i < vectors.size() / width; ++i) {
      chunks.Add(i, 0, {}, {vectors.data() + i * width, width});
    }
    ASSIGN_OR_RETURN(all, Seal(chunks, dim, 0));
  }
  const auto query = [&](size_t i) {
    return absl::Span<const float>(queries.data() + i * width, width);
  };
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string way;
    size_t ef = 0;
    words >> way >> ef;
    Print(queries.size() / width,
          [&](size_t i) { return way == "graph" ? Walk(query(i), all, ef) : Flat(query(i), all); });
  }
  return OkStatus();
}

std::vector<std::vector<TermId>> Lists(const std::vector<uint32_t>& numbers) {
  std::vector<std::vector<TermId>> lists;
  for (size_t at = 0; at < numbers.size(); at += 1 + numbers[at]) {
    const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(at + 1);
    const size_t length = std::min<size_t>(numbers[at], numbers.size() - at - 1);
    lists.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
  }
  return lists;
}

Status RunWords(const std::string& chunks_path, const std::string& queries_path) {
  ASSIGN_OR_RETURN(const std::vector<uint32_t> chunk_terms, ReadNumbers<uint32_t>(chunks_path));
  ASSIGN_OR_RETURN(const std::vector<uint32_t> query_terms, ReadNumbers<uint32_t>(queries_path));
  MemorySegment chunks(1);
  uint64_t terms = 0;
  const float vector = 1;
  for (std::vector<TermId>& list : Lists(chunk_terms)) {
    const TermCounts counts = CountTerms(std::move(list));
    terms += counts.length;
    chunks.Add(chunks.size(), 0, counts, {&vector, 1});
  }
  ASSIGN_OR_RETURN(const Everything all, Seal(chunks, 1, terms));
  const std::vector<std::vector<TermId>> queries = Lists(query_terms);
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    Print(queries.size(), [&](size_t i) { return Words(queries[i], all); });
  }
  return OkStatus();
}

}  // namespace
}  // namespace hadal::retrieval

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  hadal::Status status = hadal::InvalidArgument(
      "usage: channel_search dense VECTORS QUERIES DIM | words CHUNKS QUERIES");
  if (arguments.size() == 4 && arguments[0] == "dense") {
    status = hadal::retrieval::RunDense(arguments[1], arguments[2], std::stoi(arguments[3]));
  } else if (arguments.size() == 3 && arguments[0] == "words") {
    status = hadal::retrieval::RunWords(arguments[1], arguments[2]);
  }
  if (!status.ok()) std::cerr << hadal::StatusMessage(status) << "\n";
  return status.ok() ? 0 : 1;
}
