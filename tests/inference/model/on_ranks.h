#pragma once

#include <thread>
#include <vector>

#include "inference/comm/thread_ranks.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

/// Runs `body(rank, options)` on every rank of `layout`, each a thread.
template <typename Body>
void OnRanks(const ParallelLayout& layout, const DecoderOptions& base, const Body& body,
             absl::Duration timeout = absl::Seconds(120)) {
  auto ranks = CreateThreadRanks(layout.ranks, timeout);
  std::vector<std::thread> threads;
  for (int32_t r = 0; r < layout.ranks; ++r) {
    threads.emplace_back([&, r, comm = std::move(ranks[static_cast<size_t>(r)])] {
      DecoderOptions options = base;
      options.ranks = comm.get();
      options.layout = layout;
      body(r, options);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace hadal::inference
