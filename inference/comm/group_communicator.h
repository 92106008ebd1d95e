#pragma once

#include <memory>
#include <vector>

#include "inference/comm/communicator.h"
#include "inference/comm/transport.h"

namespace hadal::inference {

/// The collectives, once, over Transport::Run. An element of a sum has one owner, who adds the
/// ranks in order and gives the result to all.
class GroupCommunicator final : public Communicator {
 public:
  /// All ranks of the transport's world.
  static std::unique_ptr<Communicator> World(std::shared_ptr<Transport> transport);

  int32_t rank() const override { return rank_; }
  int32_t size() const override { return static_cast<int32_t>(members_.size()); }
  Status AllReduceSum(absl::Span<float> data) override;
  Status ReduceScatterSum(absl::Span<const float> data, absl::Span<const int64_t> counts,
                          absl::Span<float> out) override;
  Status AllGather(absl::Span<const uint8_t> mine, absl::Span<const int64_t> bytes,
                   absl::Span<uint8_t> all) override;
  Status AllToAllV(absl::Span<const uint8_t> send, absl::Span<const int64_t> send_bytes,
                   absl::Span<uint8_t> receive, absl::Span<const int64_t> receive_bytes) override;
  Status Broadcast(int32_t root, absl::Span<uint8_t> data) override;
  Status Barrier() override { return Barrier(transport_->timeout()); }
  Status Barrier(absl::Duration timeout) override;
  StatusOr<std::unique_ptr<Communicator>> Split(int32_t color) override;

 private:
  GroupCommunicator(std::shared_ptr<Transport> transport, std::vector<int32_t> members,
                    uint32_t context, std::shared_ptr<uint32_t> next_context);
  Status Run(Collective collective, absl::Duration timeout);
  Status Run(Collective collective) { return Run(collective, transport_->timeout()); }
  Status SumParts(Collective collective, const float* data, absl::Span<const int64_t> counts,
                  float* out);
  Status GatherParts(Collective collective, const uint8_t* mine, absl::Span<const int64_t> bytes,
                     uint8_t* all);
  Status SumSmall(absl::Span<float> data);

  const std::shared_ptr<Transport> transport_;
  const std::vector<int32_t> members_;  ///< ranks of the world, ascending
  int32_t rank_ = 0;
  const uint32_t context_;
  const std::shared_ptr<uint32_t> next_context_;  ///< shared by all groups of this rank
  uint32_t sequence_ = 0;
  std::vector<absl::Span<const uint8_t>> send_;
  std::vector<absl::Span<uint8_t>> receive_;
  std::vector<float> parts_;  ///< the peers' parts of a sum
};

}  // namespace hadal::inference
