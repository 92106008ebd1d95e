#include "inference/engine/stream_channel.h"

#include <utility>

#include "base/check.h"

namespace hadal::inference {
namespace {

class ChannelStream final : public GenerationStream {
 public:
  explicit ChannelStream(std::shared_ptr<StreamChannel> channel) : channel_(std::move(channel)) {}
  ~ChannelStream() override { channel_->Cancel(); }
  std::optional<GenerateDelta> Next(absl::Time deadline) override {
    return channel_->Next(deadline);
  }
  void Cancel() override { channel_->Cancel(); }
  void Cancel(int32_t choice) override {
    if (choice >= 0 && choice < kMaxChoices) channel_->Cancel(choice);
  }

 private:
  const std::shared_ptr<StreamChannel> channel_;
};

}  // namespace

bool StreamChannel::Push(GenerateDelta delta) {
  absl::MutexLock lock(&mu_);
  CHECK(unfinished_ > 0);
  if (deltas_.size() >= capacity_) return false;
  deltas_.push_back(std::move(delta));
  return true;
}

void StreamChannel::Finish(GenerateDelta delta) {
  absl::MutexLock lock(&mu_);
  CHECK(unfinished_ > 0 && delta.finished);
  deltas_.push_back(std::move(delta));
  --unfinished_;
}

std::optional<GenerateDelta> StreamChannel::Next(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithDeadline(absl::Condition(
                            +[](StreamChannel* channel) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                              return channel->unfinished_ == 0 || !channel->deltas_.empty();
                            },
                            this),
                        deadline);
  if (deltas_.empty()) return std::nullopt;
  std::optional<GenerateDelta> delta(std::move(deltas_.front()));
  deltas_.pop_front();
  return delta;
}

std::unique_ptr<GenerationStream> MakeGenerationStream(std::shared_ptr<StreamChannel> channel) {
  return std::make_unique<ChannelStream>(std::move(channel));
}

}  // namespace hadal::inference
