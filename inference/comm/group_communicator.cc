#include "inference/comm/group_communicator.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace hadal::inference {
namespace {

// Up to here a sum is one exchange of everything with everybody: half the latency, little traffic.
constexpr size_t kSmallSumBytes = 32 << 10;

int64_t Total(absl::Span<const int64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

Status CheckParts(Collective collective, int32_t ranks, absl::Span<const int64_t> counts,
                  size_t total, size_t mine, int32_t rank) {
  if (counts.size() == static_cast<size_t>(ranks) &&
      std::all_of(counts.begin(), counts.end(), [](int64_t c) { return c >= 0; }) &&
      static_cast<size_t>(Total(counts)) == total &&
      static_cast<size_t>(counts[static_cast<size_t>(rank)]) == mine) {
    return OkStatus();
  }
  return Internal("{}: {} parts for {} ranks do not fit {} in all and {} here", NameOf(collective),
                  counts.size(), ranks, total, mine);
}

}  // namespace

Status Communicator::AllToAll(absl::Span<const uint8_t> send, absl::Span<uint8_t> receive) {
  const auto ranks = static_cast<size_t>(size());
  if (send.size() % ranks != 0 || receive.size() != send.size()) {
    return Internal("all-to-all: {} and {} bytes are no equal parts for {} ranks", send.size(),
                    receive.size(), ranks);
  }
  const std::vector<int64_t> bytes(ranks, static_cast<int64_t>(send.size() / ranks));
  return AllToAllV(send, bytes, receive, bytes);
}

std::unique_ptr<Communicator> GroupCommunicator::World(std::shared_ptr<Transport> transport) {
  std::vector<int32_t> members(static_cast<size_t>(transport->world_size()));
  std::iota(members.begin(), members.end(), 0);
  return std::unique_ptr<Communicator>(new GroupCommunicator(
      std::move(transport), std::move(members), 0, std::make_shared<uint32_t>(1)));
}

GroupCommunicator::GroupCommunicator(std::shared_ptr<Transport> transport,
                                     std::vector<int32_t> members, uint32_t context,
                                     std::shared_ptr<uint32_t> next_context)
    : transport_(std::move(transport)),
      members_(std::move(members)),
      context_(context),
      next_context_(std::move(next_context)),
      send_(members_.size()),
      receive_(members_.size()) {
  const auto self = std::find(members_.begin(), members_.end(), transport_->world_rank());
  CHECK(self != members_.end());
  rank_ = static_cast<int32_t>(self - members_.begin());
}

// Runs what send_ and receive_ say.
Status GroupCommunicator::Run(Collective collective, absl::Duration timeout) {
  Exchange exchange;
  exchange.collective = collective;
  exchange.context = context_;
  exchange.sequence = sequence_++;
  exchange.timeout = timeout;
  exchange.members = members_;
  exchange.send = send_;
  exchange.receive = receive_;
  return size() == 1 ? OkStatus() : transport_->Run(exchange);
}

// out = sum over ranks of their part rank_ of `data`.
Status GroupCommunicator::SumParts(Collective collective, const float* data,
                                   absl::Span<const int64_t> counts, float* out) {
  const int64_t count = counts[static_cast<size_t>(rank_)];
  parts_.resize(static_cast<size_t>(count) * members_.size());
  const float* mine = nullptr;
  for (size_t r = 0; r < members_.size(); ++r) {
    if (static_cast<int32_t>(r) == rank_) mine = data;
    send_[r] = AsBytes(absl::MakeConstSpan(data, static_cast<size_t>(counts[r])));
    data += counts[r];
    receive_[r] = AsWritableBytes(absl::MakeSpan(parts_.data() + static_cast<int64_t>(r) * count,
                                                 static_cast<size_t>(count)));
  }
  RETURN_IF_ERROR(Run(collective));
  const auto part = [&](int32_t r) { return r == rank_ ? mine : parts_.data() + r * count; };
  // Blocks, so that a sum stays in the cache while the ranks' parts pass; `out` may be `mine`.
  constexpr int64_t kBlock = 1024;
  float sum[kBlock];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t length = std::min(kBlock, count - begin);
    std::copy_n(part(0) + begin, length, sum);
    for (int32_t r = 1; r < size(); ++r) {
      const float* from = part(r) + begin;
      for (int64_t i = 0; i < length; ++i) sum[i] += from[i];
    }
    std::copy_n(sum, length, out + begin);
  }
  return OkStatus();
}

Status GroupCommunicator::GatherParts(Collective collective, const uint8_t* mine,
                                      absl::Span<const int64_t> bytes, uint8_t* all) {
  const auto own = static_cast<size_t>(bytes[static_cast<size_t>(rank_)]);
  for (size_t r = 0; r < members_.size(); ++r) {
    send_[r] = {mine, own};
    receive_[r] = {all, static_cast<size_t>(bytes[r])};
    if (static_cast<int32_t>(r) == rank_ && own > 0) std::memmove(all, mine, own);
    all += bytes[r];
  }
  return Run(collective);
}

Status GroupCommunicator::SumSmall(absl::Span<float> data) {
  parts_.resize(data.size() * members_.size());
  for (size_t r = 0; r < members_.size(); ++r) {
    const absl::Span<float> part(parts_.data() + r * data.size(), data.size());
    send_[r] = AsBytes(absl::Span<const float>(data));
    receive_[r] = AsWritableBytes(part);
    if (static_cast<int32_t>(r) == rank_) std::copy(data.begin(), data.end(), part.begin());
  }
  RETURN_IF_ERROR(Run(Collective::kAllReduce));
  std::copy_n(parts_.begin(), data.size(), data.begin());
  for (size_t r = 1; r < members_.size(); ++r) {
    const float* from = parts_.data() + r * data.size();
    for (size_t i = 0; i < data.size(); ++i) data[i] += from[i];
  }
  return OkStatus();
}

Status GroupCommunicator::AllReduceSum(absl::Span<float> data) {
  if (data.size() * sizeof(float) <= kSmallSumBytes) return SumSmall(data);
  const auto ranks = static_cast<int64_t>(members_.size());
  const auto total = static_cast<int64_t>(data.size());
  std::vector<int64_t> counts(members_.size());
  int64_t before = 0;  // values of lower ranks
  for (int64_t r = 0; r < ranks; ++r) {
    counts[static_cast<size_t>(r)] = total * (r + 1) / ranks - total * r / ranks;
    if (r < rank_) before += counts[static_cast<size_t>(r)];
  }
  float* const mine = data.data() + before;
  RETURN_IF_ERROR(SumParts(Collective::kAllReduce, data.data(), counts, mine));
  for (int64_t& count : counts) count *= static_cast<int64_t>(sizeof(float));
  return GatherParts(Collective::kAllReduce, reinterpret_cast<const uint8_t*>(mine), counts,
                     reinterpret_cast<uint8_t*>(data.data()));
}

Status GroupCommunicator::ReduceScatterSum(absl::Span<const float> data,
                                           absl::Span<const int64_t> counts,
                                           absl::Span<float> out) {
  RETURN_IF_ERROR(
      CheckParts(Collective::kReduceScatter, size(), counts, data.size(), out.size(), rank_));
  return SumParts(Collective::kReduceScatter, data.data(), counts, out.data());
}

Status GroupCommunicator::AllGather(absl::Span<const uint8_t> mine, absl::Span<const int64_t> bytes,
                                    absl::Span<uint8_t> all) {
  RETURN_IF_ERROR(
      CheckParts(Collective::kAllGather, size(), bytes, all.size(), mine.size(), rank_));
  return GatherParts(Collective::kAllGather, mine.data(), bytes, all.data());
}

Status GroupCommunicator::AllToAllV(absl::Span<const uint8_t> send,
                                    absl::Span<const int64_t> send_bytes,
                                    absl::Span<uint8_t> receive,
                                    absl::Span<const int64_t> receive_bytes) {
  const auto self = static_cast<size_t>(rank_);
  if (send_bytes.size() != members_.size() || receive_bytes.size() != members_.size() ||
      static_cast<size_t>(Total(send_bytes)) != send.size() ||
      static_cast<size_t>(Total(receive_bytes)) != receive.size() ||
      send_bytes[self] != receive_bytes[self]) {
    return Internal("all-to-all: parts of {} ranks do not fit {} and {} bytes for {} ranks",
                    send_bytes.size(), send.size(), receive.size(), members_.size());
  }
  size_t from = 0;
  size_t to = 0;
  for (size_t r = 0; r < members_.size(); ++r) {
    send_[r] = send.subspan(from, static_cast<size_t>(send_bytes[r]));
    receive_[r] = receive.subspan(to, static_cast<size_t>(receive_bytes[r]));
    from += send_[r].size();
    to += receive_[r].size();
  }
  if (!send_[self].empty()) {
    std::memcpy(receive_[self].data(), send_[self].data(), send_[self].size());
  }
  return Run(Collective::kAllToAll);
}

Status GroupCommunicator::Broadcast(int32_t root, absl::Span<uint8_t> data) {
  if (root < 0 || root >= size()) {
    return Internal("broadcast: rank {} of {} has nothing to say", root, size());
  }
  for (size_t r = 0; r < members_.size(); ++r) {
    send_[r] = rank_ == root ? absl::Span<const uint8_t>(data) : absl::Span<const uint8_t>();
    receive_[r] = static_cast<int32_t>(r) == root ? data : absl::Span<uint8_t>();
  }
  return Run(Collective::kBroadcast);
}

Status GroupCommunicator::Barrier(absl::Duration timeout) {
  std::fill(send_.begin(), send_.end(), absl::Span<const uint8_t>());
  std::fill(receive_.begin(), receive_.end(), absl::Span<uint8_t>());
  return Run(Collective::kBarrier, timeout);
}

// Groups with one rank in common get different contexts: each takes the highest number any of this
// group's ranks would take next. Groups of one split share it and have no rank in common.
StatusOr<std::unique_ptr<Communicator>> GroupCommunicator::Split(int32_t color) {
  struct Wish {
    int32_t color;
    uint32_t next_context;
  };
  const Wish mine{color, *next_context_};
  std::vector<Wish> wishes(members_.size());
  const std::vector<int64_t> bytes(members_.size(), sizeof(Wish));
  RETURN_IF_ERROR(GatherParts(Collective::kSplit, reinterpret_cast<const uint8_t*>(&mine), bytes,
                              reinterpret_cast<uint8_t*>(wishes.data())));
  uint32_t context = 0;
  std::vector<int32_t> members;
  for (size_t r = 0; r < wishes.size(); ++r) {
    context = std::max(context, wishes[r].next_context);
    if (wishes[r].color == color) members.push_back(members_[r]);
  }
  *next_context_ = context + 1;
  return std::unique_ptr<Communicator>(
      new GroupCommunicator(transport_, std::move(members), context, next_context_));
}

}  // namespace hadal::inference
