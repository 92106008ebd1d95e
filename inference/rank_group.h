#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/status.h"

namespace hadal::inference {

class Checkpoint;
class Communicator;
class Decoder;
class ThreadPool;
struct DecoderOptions;
struct EngineOptions;

struct RankGroupOptions {
  int32_t ranks = 0;            ///< expected from mpirun or srun; 0: as many as there are
  int32_t expert_parallel = 0;  ///< ranks that hold one copy of all experts; 0: all
  absl::Duration timeout = absl::Seconds(60);       ///< of a meeting: who does not come is given up
  absl::Duration load_timeout = absl::Minutes(30);  ///< how much longer than others one may load
  // Of spread experts; the leader's values hold.
  int32_t redundant_experts = 0;                ///< a rank may hold beside its share of each layer
  int64_t rebalance_tokens = int64_t{1} << 20;  ///< experts may move every so many; 0: never
  double rebalance_margin = 0.1;  ///< by which the most loaded rank must fall, of the mean
  int32_t nodes = 0;              ///< equal parts of the ranks in their order; 0: their machines
};

/// How experts were moved between ranks.
struct ExpertMoves {
  int64_t decisions = 0;       ///< how often the load was looked at
  int64_t layers_moved = 0;    ///< a layer counts each time
  int64_t experts_loaded = 0;  ///< for them, by all ranks together
  int64_t failures = 0;        ///< moves given up because a rank could not load
  double imbalance = 1;        ///< load of the most loaded rank, of the mean, at the last decision
  double balanced = 1;         ///< the same with what was decided; both of the worst layer
  Status last_failure;         ///< names rank, layer and file
};

/// The ranks that serve models together: one tensor-parallel group, experts spread over it. Rank 0
/// leads: it has the requests, schedules and samples; the others follow its batches. All load the
/// same models in the same order. While nothing is to do the leader gives a sign of life every
/// timeout / 4, so a rank that dies is noticed then too. After a failure the group is over: end the
/// processes and start them again. Thread-safe.
class RankGroup {
 public:
  /// Joins the processes that mpirun or srun started. INVALID_ARGUMENT when `ranks` are not those;
  /// UNIMPLEMENTED in a build without MPI.
  static StatusOr<std::shared_ptr<RankGroup>> Join(const RankGroupOptions& options);
  /// Over ranks that are there already (threads).
  static std::shared_ptr<RankGroup> Over(std::unique_ptr<Communicator> ranks,
                                         const RankGroupOptions& options);
  virtual ~RankGroup() = default;

  virtual int32_t rank() const = 0;
  virtual int32_t size() const = 0;
  bool leads() const { return rank() == 0; }

  /// Loads this rank's part of a decoder; collective. The leader gets a decoder to give to an
  /// engine: its Forward() takes the followers along. A follower keeps its part and gets null.
  /// `checkpoint` outlives both: experts that move are read from it.
  virtual StatusOr<std::shared_ptr<Decoder>> Load(const Checkpoint& checkpoint,
                                                  const DecoderOptions& options,
                                                  std::shared_ptr<ThreadPool> pool) = 0;
  /// The same for the model file or folder at `path`, as a follower; `options` are the leader's.
  virtual Status LoadAsFollower(const std::string& path, const EngineOptions& options,
                                std::shared_ptr<ThreadPool> pool) = 0;

  /// The leader, when all is loaded: meets the followers and keeps them awake. `on_failure` is told
  /// once, from any thread, when the group is over.
  virtual Status Lead(std::function<void(const Status&)> on_failure) = 0;
  /// A follower, when all is loaded: computes what the leader says until it leaves; OK then.
  virtual Status Follow() = 0;
  /// The leader's, over all models.
  virtual ExpertMoves expert_moves() = 0;
  /// Says good-bye: the leader lets the followers go. Nothing may run any more.
  virtual Status Leave() = 0;
};

}  // namespace hadal::inference
