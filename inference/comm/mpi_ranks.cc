#include "inference/comm/mpi_ranks.h"

#include <mpi.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "inference/comm/group_communicator.h"
#include "inference/comm/peer_processes.h"

namespace hadal::inference {
namespace {

constexpr int kControlTag = 0;
constexpr size_t kMaxPiece = size_t{1} << 30;  // MPI counts are int
constexpr size_t kMaxNotice = 1 << 16;
constexpr auto kLinger = absl::Milliseconds(200);
constexpr auto kLookPeriod = absl::Milliseconds(20);
/// What a rank said before it ended arrives first: it may blame another one.
constexpr auto kLastWords = absl::Milliseconds(100);

// Contexts are few (one per split), sequences wrap: no exchange is 32768 ahead of another.
int TagOf(const Exchange& exchange) {
  return static_cast<int>((exchange.context & 0x7fff) << 15 | (exchange.sequence & 0x7fff)) + 1;
}

std::string MpiMessage(int code) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  return std::string(text, static_cast<size_t>(length));
}

/// What ranks tell each other beside the data: 'w' and the ranks waited for, or 'f' and a failure.
struct Notice {
  std::string bytes;
  int32_t to = 0;
  MPI_Request request = MPI_REQUEST_NULL;
};

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(absl::Duration timeout);
  int32_t world_rank() const override { return rank_; }
  int32_t world_size() const override { return size_; }
  absl::Duration timeout() const override { return timeout_; }
  Status Run(const Exchange& exchange) override;
  bool failed() const { return !failure_.ok(); }
  void Watch(PeerProcesses peers) { peers_ = std::move(peers); }
  /// Makes `failure` everybody's, and gives MPI a moment to carry it.
  void Fail(const Status& failure);

 private:
  struct Part {
    int32_t peer;
    MPI_Request request;
  };

  Status Post(const Exchange& exchange);
  Status Wait(const Exchange& exchange);
  bool TestParts();
  void Abandon();
  void Tell(int32_t rank, const std::string& bytes);
  void TellAll(const std::string& bytes);
  void Listen();
  void SayWhomIWaitFor();
  std::vector<int32_t> Missing() const;
  int32_t Blame(absl::Time now) const;
  void LookForEnded(absl::Time now);

  const absl::Duration timeout_;
  const absl::Duration heartbeat_;
  int rank_ = 0;
  int size_ = 1;
  Status failure_;
  PeerProcesses peers_;
  absl::Time next_look_ = absl::InfinitePast();
  absl::Time ended_since_ = absl::InfiniteFuture();  ///< when a peer was found to have ended
  std::vector<Part> parts_;        ///< of the running exchange, not complete
  std::list<Notice> notices_;      ///< on their way: MPI reads from them, so they must not move
  std::vector<absl::Time> heard_;  ///< by rank
  std::vector<std::vector<int32_t>> waits_for_;  ///< by rank, as last heard
};

MpiTransport::MpiTransport(absl::Duration timeout)
    : timeout_(timeout),
      heartbeat_(std::clamp(timeout / 20, absl::Milliseconds(10), absl::Seconds(1))) {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  heard_.assign(static_cast<size_t>(size_), absl::InfinitePast());
  waits_for_.resize(heard_.size());
}

Status MpiTransport::Post(const Exchange& exchange) {
  const int tag = TagOf(exchange);
  const auto post = [&](int32_t peer, size_t bytes, auto&& start) -> Status {
    size_t done = 0;
    do {
      const size_t piece = std::min(kMaxPiece, bytes - done);
      Part part{peer, MPI_REQUEST_NULL};
      const int code = start(done, static_cast<int>(piece), &part.request);
      if (code != MPI_SUCCESS) {
        return Unavailable("{} with rank {}: MPI says {}", NameOf(exchange.collective), peer,
                           MpiMessage(code));
      }
      parts_.push_back(part);
      done += piece;
    } while (done < bytes);
    return OkStatus();
  };
  for (size_t i = 0; i < exchange.members.size(); ++i) {
    const int32_t peer = exchange.members[i];
    if (peer == rank_) continue;
    RETURN_IF_ERROR(post(peer, exchange.receive[i].size(), [&](size_t at, int n, MPI_Request* r) {
      return MPI_Irecv(exchange.receive[i].data() + at, n, MPI_BYTE, peer, tag, MPI_COMM_WORLD, r);
    }));
  }
  for (size_t i = 0; i < exchange.members.size(); ++i) {
    const int32_t peer = exchange.members[i];
    if (peer == rank_) continue;
    RETURN_IF_ERROR(post(peer, exchange.send[i].size(), [&](size_t at, int n, MPI_Request* r) {
      return MPI_Isend(exchange.send[i].data() + at, n, MPI_BYTE, peer, tag, MPI_COMM_WORLD, r);
    }));
  }
  return OkStatus();
}

// Takes out of parts_ what is complete; true when that was something. An error of MPI is a failure.
bool MpiTransport::TestParts() {
  bool progress = false;
  for (size_t i = 0; i < parts_.size() && failure_.ok();) {
    int done = 0;
    const int code = MPI_Test(&parts_[i].request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) {
      Fail(Unavailable("rank {}: MPI says {}", parts_[i].peer, MpiMessage(code)));
    } else if (done != 0) {
      parts_[i] = parts_.back();
      parts_.pop_back();
      progress = true;
    } else {
      ++i;
    }
  }
  return progress;
}

// Their memory is about to go: MPI is not called again after the failure was told.
void MpiTransport::Abandon() {
  for (Part& part : parts_) {
    MPI_Cancel(&part.request);
    MPI_Request_free(&part.request);
  }
  parts_.clear();
}

// Drops the message when the last one to this rank is still on its way: a rank that takes nothing
// costs one message, not one a heartbeat.
void MpiTransport::Tell(int32_t rank, const std::string& bytes) {
  for (auto it = notices_.begin(); it != notices_.end();) {
    int done = 0;
    if (MPI_Test(&it->request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || done != 0) {
      it = notices_.erase(it);
    } else {
      const bool same = it->to == rank && bytes.front() == 'w';
      ++it;
      if (same) return;
    }
  }
  Notice& notice = notices_.emplace_back();
  notice.bytes = bytes;
  notice.to = rank;
  if (MPI_Isend(notice.bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, rank, kControlTag,
                MPI_COMM_WORLD, &notice.request) != MPI_SUCCESS) {
    notices_.pop_back();
  }
}

void MpiTransport::TellAll(const std::string& bytes) {
  for (int32_t r = 0; r < size_; ++r) {
    if (r != rank_) Tell(r, bytes);
  }
}

void MpiTransport::Listen() {
  int there = 0;
  MPI_Status status;
  while (MPI_Iprobe(MPI_ANY_SOURCE, kControlTag, MPI_COMM_WORLD, &there, &status) == MPI_SUCCESS &&
         there != 0) {
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::string bytes(static_cast<size_t>(size), '\0');
    if (MPI_Recv(bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, kControlTag, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE) != MPI_SUCCESS ||
        bytes.empty()) {
      return;
    }
    const auto from = static_cast<size_t>(status.MPI_SOURCE);
    heard_[from] = absl::Now();
    if (bytes.front() == 'f') {
      if (failure_.ok()) failure_ = MakeStatus(StatusCode::kUnavailable, bytes.substr(1));
    } else {
      waits_for_[from].resize((bytes.size() - 1) / sizeof(int32_t));
      std::memcpy(waits_for_[from].data(), bytes.data() + 1, bytes.size() - 1);
    }
  }
}

std::vector<int32_t> MpiTransport::Missing() const {
  std::vector<int32_t> missing;
  for (const Part& part : parts_) missing.push_back(part.peer);
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

void MpiTransport::SayWhomIWaitFor() {
  const std::vector<int32_t> missing = Missing();
  std::string bytes(1 + missing.size() * sizeof(int32_t), 'w');
  std::memcpy(bytes.data() + 1, missing.data(), bytes.size() - 1);
  TellAll(bytes);
}

// Three heartbeats: the cores may be busy with other things.
int32_t MpiTransport::Blame(absl::Time now) const {
  return FindStuckRank(Missing(), size_, [&](int32_t rank) -> const std::vector<int32_t>* {
    const auto r = static_cast<size_t>(rank);
    return rank == rank_ || now - heard_[r] > 3 * heartbeat_ ? nullptr : &waits_for_[r];
  });
}

void MpiTransport::LookForEnded(absl::Time now) {
  if (now < next_look_) return;
  next_look_ = now + kLookPeriod;
  const int32_t ended = peers_.FindEnded();
  if (ended < 0) return;
  ended_since_ = std::min(ended_since_, now);
  if (now - ended_since_ < kLastWords) return;
  Fail(Unavailable("rank {} is dead: its process ended; end the ranks and start them again",
                   ended));
}

// Spins as long as ranks that run at the same time take, then leaves the core to others.
Status MpiTransport::Wait(const Exchange& exchange) {
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + exchange.timeout;
  absl::Time next_heartbeat = start + heartbeat_;
  for (int idle = 0; failure_.ok(); ++idle) {
    if (TestParts()) idle = 0;
    if (parts_.empty() || !failure_.ok()) break;
    if (idle < 100) {
      std::this_thread::yield();
      continue;
    }
    Listen();
    if (!failure_.ok()) break;
    const absl::Time now = absl::Now();
    if (now >= deadline) {
      if (TestParts()) continue;
      Fail(StuckRankError(Blame(now), exchange.collective, now - start));
      break;
    }
    LookForEnded(now);
    if (!failure_.ok()) break;
    if (now >= next_heartbeat) {
      SayWhomIWaitFor();
      next_heartbeat = now + heartbeat_;
    }
    if (now - start < absl::Milliseconds(2)) {
      std::this_thread::yield();
    } else {
      absl::SleepFor(std::min(absl::Microseconds(200), (now - start) / 20));
    }
  }
  return failure_;
}

void MpiTransport::Fail(const Status& failure) {
  failure_ = failure;
  std::string bytes = "f" + StatusMessage(failure);
  bytes.resize(std::min(bytes.size(), kMaxNotice));
  TellAll(bytes);
  const absl::Time end = absl::Now() + kLinger;
  while (absl::Now() < end) {
    bool all = true;
    for (Notice& notice : notices_) {
      int done = 0;
      all = MPI_Test(&notice.request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done != 0 && all;
    }
    if (all) break;
    absl::SleepFor(absl::Milliseconds(1));
  }
}

Status MpiTransport::Run(const Exchange& exchange) {
  if (!failure_.ok()) return failure_;
  parts_.clear();
  Status status = Post(exchange);
  if (status.ok()) {
    status = Wait(exchange);
  } else {
    Fail(status);
  }
  if (!status.ok()) Abandon();
  return status;
}

class OpenMpiRanks final : public MpiRanks {
 public:
  explicit OpenMpiRanks(std::shared_ptr<MpiTransport> transport)
      : transport_(std::move(transport)), world_(GroupCommunicator::World(transport_)) {}
  ~OpenMpiRanks() override {
    if (finished_ || transport_->failed()) return;
    transport_->Fail(Unavailable("rank {} is dead: it left early; its own messages say why",
                                 transport_->world_rank()));
  }
  Communicator& world() override { return *world_; }
  Status Finish() override {
    RETURN_IF_ERROR(world_->Barrier());
    finished_ = true;
    MPI_Finalize();
    return OkStatus();
  }

 private:
  const std::shared_ptr<MpiTransport> transport_;
  const std::unique_ptr<Communicator> world_;
  bool finished_ = false;
};

}  // namespace

bool MpiRanks::Available() { return true; }

StatusOr<std::unique_ptr<MpiRanks>> MpiRanks::Start(absl::Duration timeout) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) return FailedPrecondition("MPI runs already in this process");
  int provided = 0;
  const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (code != MPI_SUCCESS || provided < MPI_THREAD_SERIALIZED) {
    return Unavailable("MPI does not start: {}", MpiMessage(code));
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  auto transport = std::make_shared<MpiTransport>(timeout);
  auto ranks = std::make_unique<OpenMpiRanks>(transport);
  ASSIGN_OR_RETURN(PeerProcesses peers, PeerProcesses::Meet(ranks->world()));
  transport->Watch(std::move(peers));
  return ranks;
}

}  // namespace hadal::inference
