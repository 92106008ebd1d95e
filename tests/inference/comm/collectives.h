#pragma once

#include <numeric>
#include <random>
#include <vector>

#include "inference/comm/communicator.h"
#include "tests/support/status_matchers.h"

// Every collective against plain computation, called by each rank of any implementation.

namespace hadal::inference {

/// What rank `rank` brings: the same numbers wherever they are asked for.
inline std::vector<float> ValuesOf(int32_t rank, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(rank));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count);
  for (float& value : values) value = uniform(random) * static_cast<float>(1 << (rank % 8));
  return values;
}

/// The sum in order of ranks, to be met bit for bit.
inline std::vector<float> SumInOrder(int32_t ranks, size_t count, uint64_t seed) {
  std::vector<float> sum = ValuesOf(0, count, seed);
  for (int32_t r = 1; r < ranks; ++r) {
    const std::vector<float> more = ValuesOf(r, count, seed);
    for (size_t i = 0; i < count; ++i) sum[i] += more[i];
  }
  return sum;
}

inline void CheckSums(Communicator& comm, uint64_t seed) {
  for (const size_t count : {0, 1, 2, 3, 7, 64, 1000, 8192, 8193, 33333}) {
    std::vector<float> data = ValuesOf(comm.rank(), count, seed);
    EXPECT_OK(comm.AllReduceSum(absl::MakeSpan(data)));
    EXPECT_EQ(data, SumInOrder(comm.size(), count, seed)) << count;
  }
  // Parts of different sizes, some of them empty; `out` apart and in its place.
  for (const int64_t unit : {0, 1, 5, 3000}) {
    std::vector<int64_t> counts;
    for (int32_t r = 0; r < comm.size(); ++r) counts.push_back(unit * ((r + 1) % 3));
    const auto total =
        static_cast<size_t>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    const auto before = std::accumulate(counts.begin(), counts.begin() + comm.rank(), int64_t{0});
    const auto mine = static_cast<size_t>(counts[static_cast<size_t>(comm.rank())]);
    const std::vector<float> sum = SumInOrder(comm.size(), total, seed);
    const std::vector<float> expected(sum.begin() + before,
                                      sum.begin() + before + static_cast<ptrdiff_t>(mine));
    std::vector<float> data = ValuesOf(comm.rank(), total, seed);
    std::vector<float> out(mine);
    EXPECT_OK(comm.ReduceScatterSum(data, counts, absl::MakeSpan(out)));
    EXPECT_EQ(out, expected);
    const absl::Span<float> place(data.data() + before, mine);
    EXPECT_OK(comm.ReduceScatterSum(data, counts, place));
    EXPECT_EQ(std::vector<float>(place.begin(), place.end()), expected);
  }
}

inline std::vector<uint8_t> BytesOf(int32_t from, int32_t to, int64_t count) {
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(31 * static_cast<size_t>(from) + 7 * static_cast<size_t>(to) +
                                    i * i % 251);
  }
  return bytes;
}

inline void CheckMoves(Communicator& comm) {
  const auto self = static_cast<size_t>(comm.rank());
  for (const int64_t unit : {0, 1, 13, 70001}) {
    std::vector<int64_t> bytes;
    std::vector<uint8_t> expected;
    for (int32_t r = 0; r < comm.size(); ++r) {
      bytes.push_back(unit * ((r + 2) % 3));
      const auto part = BytesOf(r, 0, bytes.back());
      expected.insert(expected.end(), part.begin(), part.end());
    }
    std::vector<uint8_t> all(expected.size());
    EXPECT_OK(comm.AllGather(BytesOf(comm.rank(), 0, bytes[self]), bytes, absl::MakeSpan(all)));
    EXPECT_EQ(all, expected);

    std::vector<int64_t> to, from;
    std::vector<uint8_t> send;
    expected.clear();
    for (int32_t r = 0; r < comm.size(); ++r) {
      to.push_back(unit * ((comm.rank() + 2 * r) % 4));
      from.push_back(unit * ((r + 2 * comm.rank()) % 4));
      const auto mine = BytesOf(comm.rank(), r, to.back());
      const auto theirs = BytesOf(r, comm.rank(), from.back());
      send.insert(send.end(), mine.begin(), mine.end());
      expected.insert(expected.end(), theirs.begin(), theirs.end());
    }
    std::vector<uint8_t> receive(expected.size());
    EXPECT_OK(comm.AllToAllV(send, to, absl::MakeSpan(receive), from));
    EXPECT_EQ(receive, expected);

    send.clear();
    expected.clear();
    for (int32_t r = 0; r < comm.size(); ++r) {
      const auto mine = BytesOf(comm.rank(), r, unit);
      const auto theirs = BytesOf(r, comm.rank(), unit);
      send.insert(send.end(), mine.begin(), mine.end());
      expected.insert(expected.end(), theirs.begin(), theirs.end());
    }
    receive.assign(expected.size(), 0);
    EXPECT_OK(comm.AllToAll(send, absl::MakeSpan(receive)));
    EXPECT_EQ(receive, expected);

    for (int32_t root = 0; root < comm.size(); ++root) {
      std::vector<uint8_t> data = BytesOf(comm.rank(), 9, unit);
      EXPECT_OK(comm.Broadcast(root, absl::MakeSpan(data)));
      EXPECT_EQ(data, BytesOf(root, 9, unit));
    }
  }
  EXPECT_OK(comm.Barrier());
}

/// Groups of a group, used in turns with it.
inline void CheckSplits(Communicator& comm) {
  auto odd = comm.Split(comm.rank() % 2);
  EXPECT_OK(odd);
  EXPECT_EQ((*odd)->size(), (comm.size() + 1 - comm.rank() % 2) / 2);
  EXPECT_EQ((*odd)->rank(), comm.rank() / 2);
  CheckSums(**odd, 5);
  CheckMoves(comm);
  CheckMoves(**odd);
  auto alone = (*odd)->Split((*odd)->rank());
  EXPECT_OK(alone);
  EXPECT_EQ((*alone)->size(), 1);
  CheckSums(**alone, 6);
  auto halves = comm.Split(comm.rank() < (comm.size() + 1) / 2 ? 7 : -7);
  EXPECT_OK(halves);
  CheckMoves(**halves);
  CheckSums(comm, 7);
}

inline void CheckCollectives(Communicator& comm) {
  CheckSums(comm, 1);
  CheckMoves(comm);
  CheckSplits(comm);
}

}  // namespace hadal::inference
