#include "inference/moe/placed_experts.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace hadal::inference {
namespace {

/// What a rank says of its move, of one size for all: the state, and a message that ends in zeros.
using Report = std::array<char, 512>;
constexpr char kStillLoading = 'l';
constexpr char kLoaded = 'd';
constexpr char kFailed = 'f';

// Decoding goes first, wherever both want the core.
void LowerThisThreadsPriority() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
}

}  // namespace

struct PlacedExperts::Move {
  int32_t layer = 0;
  ExpertPlacement placement;
  std::vector<int32_t> missing;
  std::map<int32_t, Expert> loaded;  ///< of the loading thread until `done`
  Status status;                     ///< likewise
  std::atomic<bool> done = false;
  std::atomic<bool> stop = false;
  std::thread thread;

  ~Move() {
    stop = true;
    if (thread.joinable()) thread.join();
  }

  void Load(const LoadExpert& load) {
    LowerThisThreadsPriority();
    for (const int32_t expert : missing) {
      if (stop || !status.ok()) break;
      StatusOr<Expert> one = load(layer, expert);
      if (one.ok()) {
        loaded.emplace(expert, *std::move(one));
      } else {
        status = one.status();
      }
    }
    done = true;
  }
};

PlacedExperts::PlacedExperts(Communicator& ranks, int32_t num_experts, LoadExpert load)
    : ranks_(ranks), num_experts_(num_experts), load_(std::move(load)) {}

PlacedExperts::~PlacedExperts() = default;

const std::vector<int32_t>& PlacedExperts::Mine(const ExpertPlacement& placement) const {
  return placement.experts_of_rank[static_cast<size_t>(ranks_.rank())];
}

void PlacedExperts::Add(int32_t layer, ExpertPlacement placement, std::vector<Expert> experts) {
  CHECK(experts.size() == Mine(placement).size());
  layers_[layer] = {std::move(placement), std::move(experts),
                    std::vector<int64_t>(static_cast<size_t>(num_experts_), 0)};
}

void PlacedExperts::Count(int32_t layer, absl::Span<const int32_t> experts) {
  std::vector<int64_t>& chosen = layers_.at(layer).chosen;
  for (const int32_t expert : experts) ++chosen[static_cast<size_t>(expert)];
}

StatusOr<std::map<int32_t, std::vector<double>>> PlacedExperts::SumLoads() {
  std::vector<float> all;
  for (auto& [index, layer] : layers_) {
    all.insert(all.end(), layer.chosen.begin(), layer.chosen.end());
    for (int64_t& count : layer.chosen) count /= 2;
  }
  RETURN_IF_ERROR(ranks_.AllReduceSum(absl::MakeSpan(all)));
  std::map<int32_t, std::vector<double>> loads;
  auto next = all.begin();
  for (const auto& [index, layer] : layers_) {
    loads[index].assign(next, next + num_experts_);
    next += num_experts_;
  }
  return loads;
}

Status PlacedExperts::BeginMove(int32_t layer, ExpertPlacement placement) {
  if (move_ != nullptr) {
    return FailedPrecondition("experts of layer {} are to move while those of layer {} do", layer,
                              move_->layer);
  }
  const auto found = layers_.find(layer);
  if (found == layers_.end()) return InvalidArgument("layer {} has no experts to move", layer);
  RETURN_IF_ERROR(CheckPlacement(placement, ranks_.size(), num_experts_));
  move_ = std::make_unique<Move>();
  move_->layer = layer;
  move_->placement = std::move(placement);
  const std::vector<int32_t>& held = Mine(found->second.placement);
  const std::vector<int32_t>& wanted = Mine(move_->placement);
  std::set_difference(wanted.begin(), wanted.end(), held.begin(), held.end(),
                      std::back_inserter(move_->missing));
  if (move_->missing.empty()) {
    move_->done = true;
  } else {
    move_->thread = std::thread([this, move = move_.get()] { move->Load(load_); });
  }
  return OkStatus();
}

bool PlacedExperts::LoadedHere() const { return move_ != nullptr && move_->done; }

StatusOr<PlacedExperts::MoveOutcome> PlacedExperts::SettleMove() {
  if (move_ == nullptr) return FailedPrecondition("no experts are moving");
  Report mine = {kStillLoading};
  if (move_->done) {
    mine[0] = move_->status.ok() ? kLoaded : kFailed;
    const std::string message = StatusMessage(move_->status);
    std::memcpy(mine.data() + 1, message.data(), std::min(message.size(), mine.size() - 2));
  }
  std::vector<Report> all(static_cast<size_t>(ranks_.size()));
  const std::vector<int64_t> bytes(all.size(), sizeof(Report));
  RETURN_IF_ERROR(ranks_.AllGather(AsBytes(absl::MakeConstSpan(mine)), bytes,
                                   AsWritableBytes(absl::MakeSpan(all))));
  const auto says = [&all](char state) {
    return std::find_if(all.begin(), all.end(), [state](const Report& r) { return r[0] == state; });
  };
  if (says(kStillLoading) != all.end()) return MoveOutcome{};
  const std::unique_ptr<Move> move = std::move(move_);
  if (const auto failed = says(kFailed); failed != all.end()) {
    failed->back() = '\0';
    return MoveOutcome{MoveState::kGivenUp,
                       Unavailable("rank {} cannot load its experts of layer {}: {}",
                                   failed - all.begin(), move->layer, failed->data() + 1)};
  }
  Switch(*move);
  return MoveOutcome{MoveState::kMoved, OkStatus()};
}

void PlacedExperts::Switch(Move& move) {
  Layer& layer = layers_.at(move.layer);
  const std::vector<int32_t>& held = Mine(layer.placement);
  std::vector<Expert> experts;
  for (const int32_t expert : Mine(move.placement)) {
    const auto at = std::lower_bound(held.begin(), held.end(), expert);
    const bool here = at != held.end() && *at == expert;
    experts.push_back(std::move(here ? layer.experts[static_cast<size_t>(at - held.begin())]
                                     : move.loaded.at(expert)));
  }
  layer.experts = std::move(experts);
  layer.placement = std::move(move.placement);
}

}  // namespace hadal::inference
