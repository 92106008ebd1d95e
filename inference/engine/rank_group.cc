#include "inference/rank_group.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "inference/comm/communicator.h"
#include "inference/comm/mpi_ranks.h"
#include "inference/comm/nodes.h"
#include "inference/engine/batch_message.h"
#include "inference/engine/drafter.h"
#include "inference/engine/expert_mover.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"
#include "inference/moe/placed_experts.h"

namespace hadal::inference {
namespace {

class CommunicatorRankGroup;

/// The batch of a kRun or a kDraft.
Status RunBatch(BatchMessage::Kind kind, Decoder& decoder, absl::Span<const SequenceSlice> batch,
                KvCache& cache, absl::Span<float> logits) {
  return kind == BatchMessage::Kind::kDraft ? decoder.Draft(batch, cache, logits)
                                            : decoder.Forward(batch, cache, logits);
}

/// What the leader's engine runs: the followers run the same batch at the same time.
class LeadDecoder final : public Decoder {
 public:
  LeadDecoder(std::shared_ptr<CommunicatorRankGroup> group, int32_t model,
              std::unique_ptr<Decoder> here, std::unique_ptr<ExpertMover> mover)
      : group_(std::move(group)), model_(model), here_(std::move(here)), mover_(std::move(mover)) {}
  const ModelConfig& config() const override { return here_->config(); }
  const KvLayout& kv_layout() const override { return here_->kv_layout(); }
  Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                 absl::Span<float> logits) override;
  bool can_draft() const override { return here_->can_draft(); }
  Status Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
               absl::Span<float> logits) override;

 private:
  const std::shared_ptr<CommunicatorRankGroup> group_;
  const int32_t model_;
  const std::unique_ptr<Decoder> here_;
  const std::unique_ptr<ExpertMover> mover_;  ///< null: no experts are spread
};

class CommunicatorRankGroup final : public RankGroup,
                                    public std::enable_shared_from_this<CommunicatorRankGroup> {
 public:
  CommunicatorRankGroup(std::unique_ptr<MpiRanks> mpi, std::unique_ptr<Communicator> own,
                        const RankGroupOptions& options, int32_t nodes)
      : options_(options),
        nodes_(nodes),
        mpi_(std::move(mpi)),
        own_(std::move(own)),
        ranks_(mpi_ != nullptr ? mpi_->world() : *own_) {}
  ~CommunicatorRankGroup() override { StopTicking(); }

  int32_t rank() const override { return ranks_.rank(); }
  int32_t size() const override { return ranks_.size(); }
  StatusOr<std::shared_ptr<Decoder>> Load(const Checkpoint& checkpoint,
                                          const DecoderOptions& options,
                                          std::shared_ptr<ThreadPool> pool) override;
  Status LoadAsFollower(const std::string& path, const EngineOptions& options,
                        std::shared_ptr<ThreadPool> pool) override;
  Status Lead(std::function<void(const Status&)> on_failure) override;
  Status Follow() override;
  ExpertMoves expert_moves() override;
  Status Leave() override;

  /// As the leader. `mover`, if there is one, may move experts afterwards.
  Status Run(BatchMessage::Kind kind, int32_t model, Decoder& here, ExpertMover* mover,
             absl::Span<const SequenceSlice> batch, KvCache& cache, absl::Span<float> logits);

 private:
  struct Followed {
    std::unique_ptr<const Checkpoint> checkpoint;  ///< null: somebody else's
    std::unique_ptr<Decoder> decoder;
    std::unique_ptr<KvCache> cache;  ///< of the leader's size, made with the first batch
  };

  std::unique_ptr<ExpertMover> MakeMover(int32_t model, Decoder& decoder);
  Status Tell(const BatchMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Status Failed(const Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  StatusOr<Followed*> FollowedModel(const BatchMessage& message);
  Status RunAsFollower(const BatchMessage& message);
  Status MoveAsFollower(const BatchMessage& message);
  void Tick();
  void StopTicking();

  const RankGroupOptions options_;
  const int32_t nodes_;
  const std::unique_ptr<MpiRanks> mpi_;
  const std::unique_ptr<Communicator> own_;
  Communicator& ranks_;
  std::vector<Followed> followed_;  ///< a follower's models
  int32_t num_models_ = 0;
  absl::Mutex mu_;  ///< one conversation with the other ranks at a time
  std::function<void(const Status&)> on_failure_ ABSL_GUARDED_BY(mu_);
  Status failure_ ABSL_GUARDED_BY(mu_);
  ExpertMoves moves_ ABSL_GUARDED_BY(mu_);
  absl::Time last_told_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread ticker_;
};

Status LeadDecoder::Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                            absl::Span<float> logits) {
  return group_->Run(BatchMessage::Kind::kRun, model_, *here_, mover_.get(), batch, cache, logits);
}

Status LeadDecoder::Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
                          absl::Span<float> logits) {
  return group_->Run(BatchMessage::Kind::kDraft, model_, *here_, nullptr, batch, cache, logits);
}

StatusOr<std::shared_ptr<Decoder>> CommunicatorRankGroup::Load(const Checkpoint& checkpoint,
                                                               const DecoderOptions& options,
                                                               std::shared_ptr<ThreadPool> pool) {
  // Between two models the leader may have loaded others that it serves alone.
  RETURN_IF_ERROR(ranks_.Barrier(options_.load_timeout));
  DecoderOptions shared = options;
  shared.ranks = &ranks_;
  shared.load_timeout = options_.load_timeout;
  shared.layout = {size(), size(),
                   options_.expert_parallel > 0 ? options_.expert_parallel : size()};
  ASSIGN_OR_RETURN(auto decoder, LoadDecoder(checkpoint, shared, std::move(pool)));
  const int32_t model = num_models_++;
  if (!leads()) {
    followed_.push_back({nullptr, std::move(decoder), nullptr});
    return std::shared_ptr<Decoder>();
  }
  auto mover = MakeMover(model, *decoder);
  return std::shared_ptr<Decoder>(std::make_shared<LeadDecoder>(
      shared_from_this(), model, std::move(decoder), std::move(mover)));
}

std::unique_ptr<ExpertMover> CommunicatorRankGroup::MakeMover(int32_t model, Decoder& decoder) {
  PlacedExperts* experts = decoder.placed_experts();
  if (experts == nullptr || options_.rebalance_tokens == 0) return nullptr;
  const MoeConfig& moe = decoder.config().moe;
  const int32_t copies = options_.expert_parallel > 0 ? size() / options_.expert_parallel : 1;
  PlacementOptions shape;
  shape.ranks = size();
  shape.nodes = nodes_;
  shape.groups = moe.num_groups;
  const int32_t share = (moe.num_experts * copies + size() - 1) / size();
  shape.slots_per_rank = std::min(moe.num_experts, share + options_.redundant_experts);
  return std::make_unique<ExpertMover>(model, *experts, shape, options_);
}

Status CommunicatorRankGroup::LoadAsFollower(const std::string& path, const EngineOptions& options,
                                             std::shared_ptr<ThreadPool> pool) {
  ASSIGN_OR_RETURN(std::unique_ptr<const Checkpoint> checkpoint, Checkpoint::Open(path));
  RETURN_IF_ERROR(
      Load(*checkpoint, DecoderOptionsFor(*checkpoint, options), std::move(pool)).status());
  followed_.back().checkpoint = std::move(checkpoint);
  return OkStatus();
}

Status CommunicatorRankGroup::Tell(const BatchMessage& message) {
  last_told_ = absl::Now();
  return message.Broadcast(ranks_);
}

// Once failed, always failed; the first time somebody is told.
Status CommunicatorRankGroup::Failed(const Status& status) {
  if (failure_.ok()) {
    failure_ = status;
    if (on_failure_) on_failure_(status);
  }
  return failure_;
}

Status CommunicatorRankGroup::Run(BatchMessage::Kind kind, int32_t model, Decoder& here,
                                  ExpertMover* mover, absl::Span<const SequenceSlice> batch,
                                  KvCache& cache, absl::Span<float> logits) {
  absl::MutexLock lock(&mu_);
  if (!failure_.ok()) return failure_;
  if (const Status told = Tell(BatchMessage::Run(kind, model, batch, cache)); !told.ok()) {
    return Failed(told);
  }
  const Status ran = RunBatch(kind, here, batch, cache, logits);
  // A batch that is refused is refused by all ranks alike, before they meet.
  if (ran.code() == StatusCode::kInvalidArgument) return ran;
  if (!ran.ok()) return Failed(ran);
  if (mover == nullptr) return OkStatus();
  int64_t tokens = 0;
  for (const SequenceSlice& slice : batch) tokens += static_cast<int64_t>(slice.tokens.size());
  const auto tell = [this](const BatchMessage& message) {
    mu_.AssertHeld();
    return Tell(message);
  };
  const Status moved = mover->AfterBatch(tokens, tell, moves_);
  return moved.ok() ? moved : Failed(moved);
}

ExpertMoves CommunicatorRankGroup::expert_moves() {
  absl::MutexLock lock(&mu_);
  return moves_;
}

Status CommunicatorRankGroup::Lead(std::function<void(const Status&)> on_failure) {
  absl::MutexLock lock(&mu_);
  on_failure_ = std::move(on_failure);
  last_told_ = absl::Now();
  if (const Status met = ranks_.Barrier(options_.load_timeout); !met.ok()) return Failed(met);
  ticker_ = std::thread([this] { Tick(); });
  return OkStatus();
}

void CommunicatorRankGroup::Tick() {
  const absl::Duration period = options_.timeout / 4;
  absl::MutexLock lock(&mu_);
  while (!stopping_ && failure_.ok()) {
    const absl::Duration silent = absl::Now() - last_told_;
    if (silent < period) {
      mu_.AwaitWithTimeout(absl::Condition(&stopping_), period - silent);
      continue;
    }
    if (const Status told = Tell(BatchMessage::Tick()); !told.ok()) Failed(told).IgnoreError();
  }
}

void CommunicatorRankGroup::StopTicking() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (ticker_.joinable()) ticker_.join();
}

StatusOr<CommunicatorRankGroup::Followed*> CommunicatorRankGroup::FollowedModel(
    const BatchMessage& message) {
  if (message.model() < 0 || static_cast<size_t>(message.model()) >= followed_.size()) {
    return Internal("the leader runs model {}, here are {}: the ranks were configured differently",
                    message.model(), followed_.size());
  }
  return &followed_[static_cast<size_t>(message.model())];
}

Status CommunicatorRankGroup::RunAsFollower(const BatchMessage& message) {
  ASSIGN_OR_RETURN(Followed * model, FollowedModel(message));
  if (model->cache == nullptr) {
    ASSIGN_OR_RETURN(model->cache, KvCache::Create(model->decoder->kv_layout(),
                                                   message.num_blocks(), message.block_size()));
  }
  ASSIGN_OR_RETURN(const std::vector<SequenceSlice> batch, message.Slices());
  size_t rows = 0;
  for (const SequenceSlice& slice : batch) rows += static_cast<size_t>(slice.num_logits);
  std::vector<float> logits(rows * static_cast<size_t>(model->decoder->config().vocabulary));
  const Status ran = RunBatch(message.kind(), *model->decoder, batch, *model->cache,
                              absl::MakeSpan(logits));
  return ran.code() == StatusCode::kInvalidArgument ? OkStatus() : ran;
}

// What ExpertMover does on the leader; what comes of it is decided and reported there.
Status CommunicatorRankGroup::MoveAsFollower(const BatchMessage& message) {
  ASSIGN_OR_RETURN(Followed * model, FollowedModel(message));
  PlacedExperts* experts = model->decoder->placed_experts();
  if (experts == nullptr) {
    return Internal(
        "the leader moves experts of model {}, which has none here: the ranks were "
        "configured differently",
        message.model());
  }
  if (message.kind() == BatchMessage::Kind::kSumLoads) return experts->SumLoads().status();
  if (message.kind() == BatchMessage::Kind::kSettle) return experts->SettleMove().status();
  ASSIGN_OR_RETURN(ExpertPlacement placement, message.Placement());
  return experts->BeginMove(message.layer(), std::move(placement));
}

Status CommunicatorRankGroup::Follow() {
  RETURN_IF_ERROR(ranks_.Barrier(options_.load_timeout));
  while (true) {
    ASSIGN_OR_RETURN(const BatchMessage message, BatchMessage::Receive(ranks_));
    switch (message.kind()) {
      case BatchMessage::Kind::kTick:
        break;
      case BatchMessage::Kind::kRun:
      case BatchMessage::Kind::kDraft:
        RETURN_IF_ERROR(RunAsFollower(message));
        break;
      case BatchMessage::Kind::kSumLoads:
      case BatchMessage::Kind::kMove:
      case BatchMessage::Kind::kSettle:
        RETURN_IF_ERROR(MoveAsFollower(message));
        break;
      case BatchMessage::Kind::kLeave:
        return OkStatus();
    }
  }
}

Status CommunicatorRankGroup::Leave() {
  StopTicking();
  {
    absl::MutexLock lock(&mu_);
    if (!failure_.ok()) return failure_;
    if (leads()) RETURN_IF_ERROR(Tell(BatchMessage::Leave()));
  }
  return mpi_ != nullptr ? mpi_->Finish() : OkStatus();
}

}  // namespace

StatusOr<std::shared_ptr<RankGroup>> RankGroup::Join(const RankGroupOptions& options) {
  ASSIGN_OR_RETURN(auto mpi, MpiRanks::Start(options.timeout));
  const int32_t found = mpi->world().size();
  if (options.ranks != 0 && options.ranks != found) {
    return InvalidArgument("{} ranks are configured, but {} were started: mpirun -np {}",
                           options.ranks, found, options.ranks);
  }
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  ASSIGN_OR_RETURN(int32_t nodes, CountNodes(mpi->world(), host));
  if (options.nodes > 0) nodes = options.nodes;
  if (found % nodes != 0) {
    return InvalidArgument("{} ranks cannot be on {} nodes evenly", found, nodes);
  }
  return std::shared_ptr<RankGroup>(
      std::make_shared<CommunicatorRankGroup>(std::move(mpi), nullptr, options, nodes));
}

std::shared_ptr<RankGroup> RankGroup::Over(std::unique_ptr<Communicator> ranks,
                                           const RankGroupOptions& options) {
  return std::make_shared<CommunicatorRankGroup>(nullptr, std::move(ranks), options,
                                                 std::max(1, options.nodes));
}

}  // namespace hadal::inference
