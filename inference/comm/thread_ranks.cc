#include "inference/comm/thread_ranks.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "inference/comm/group_communicator.h"

namespace hadal::inference {
namespace {

using PostKey = std::tuple<uint32_t, uint32_t, int32_t>;  // context, sequence, rank of the world

/// What a rank shows to the others while it is in an exchange. Lives on its stack.
struct Post {
  const Exchange* exchange = nullptr;
  int32_t readers = 0;           ///< copy from it right now
  std::vector<int32_t> unread;   ///< peers that have not copied their part
  std::vector<int32_t> missing;  ///< peers whose part is not here
  std::vector<int32_t> waits_for;
};

/// What all ranks share. Thread-safe.
class ThreadWorld {
 public:
  ThreadWorld(int32_t ranks, absl::Duration timeout)
      : size_(ranks),
        timeout_(timeout),
        current_(static_cast<size_t>(ranks)),
        left_(static_cast<size_t>(ranks), 0) {}

  int32_t size() const { return size_; }
  absl::Duration timeout() const { return timeout_; }
  Status Run(int32_t rank, const Exchange& exchange);
  void Leave(int32_t rank);

 private:
  bool CopyParts(int32_t rank, Post& post) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Status CheckLeft(const Post& post) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int32_t Blame(const Post& post) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Status Wait(int32_t rank, Post& post) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int32_t size_;
  const absl::Duration timeout_;
  absl::Mutex mu_;
  absl::CondVar changed_;
  std::map<PostKey, Post*> posts_ ABSL_GUARDED_BY(mu_);
  std::vector<Post*> current_ ABSL_GUARDED_BY(mu_);  ///< by rank; null: not in an exchange
  std::vector<char> left_ ABSL_GUARDED_BY(mu_);
  Status failure_ ABSL_GUARDED_BY(mu_);
};

void Erase(std::vector<int32_t>& ranks, int32_t rank) { std::erase(ranks, rank); }

size_t IndexOf(const Exchange& exchange, int32_t rank) {
  return static_cast<size_t>(std::find(exchange.members.begin(), exchange.members.end(), rank) -
                             exchange.members.begin());
}

// Copies what is there; true when that was something. The lock is open while copying: the owner of
// the memory does not leave before its readers are done.
bool ThreadWorld::CopyParts(int32_t rank, Post& post) {
  const Exchange& exchange = *post.exchange;
  for (const int32_t peer : post.missing) {
    const auto it = posts_.find({exchange.context, exchange.sequence, peer});
    if (it == posts_.end()) continue;
    Post& from = *it->second;
    const absl::Span<const uint8_t> source = from.exchange->send[IndexOf(*from.exchange, rank)];
    const absl::Span<uint8_t> target = exchange.receive[IndexOf(exchange, peer)];
    if (source.size() != target.size() || from.exchange->collective != exchange.collective) {
      failure_ = Internal("rank {} expects {} bytes in {}, rank {} sends {} in {}", rank,
                          target.size(), NameOf(exchange.collective), peer, source.size(),
                          NameOf(from.exchange->collective));
      changed_.SignalAll();
      return false;
    }
    ++from.readers;
    mu_.Unlock();
    if (!source.empty()) std::memcpy(target.data(), source.data(), source.size());
    mu_.Lock();
    --from.readers;
    Erase(from.unread, rank);
    Erase(post.missing, peer);
    changed_.SignalAll();
    return true;
  }
  return false;
}

// A peer that has left and did not post will never come.
Status ThreadWorld::CheckLeft(const Post& post) {
  const Exchange& exchange = *post.exchange;
  for (const int32_t peer : post.missing) {
    if (left_[static_cast<size_t>(peer)] == 0) continue;
    return Unavailable("rank {} is dead: it left before {}; end the ranks and start them again",
                       peer, NameOf(exchange.collective));
  }
  return OkStatus();
}

int32_t ThreadWorld::Blame(const Post& post) {
  std::vector<int32_t> waits_for;
  const absl::Span<Post* const> current = current_;
  const auto waiting = [&current](int32_t rank) -> const std::vector<int32_t>* {
    Post* const other = current[static_cast<size_t>(rank)];
    if (other == nullptr) return nullptr;
    other->waits_for = other->missing;
    other->waits_for.insert(other->waits_for.end(), other->unread.begin(), other->unread.end());
    return &other->waits_for;
  };
  std::vector<int32_t> missing = post.missing;
  missing.insert(missing.end(), post.unread.begin(), post.unread.end());
  return FindStuckRank(missing, size(), waiting);
}

Status ThreadWorld::Wait(int32_t rank, Post& post) {
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + post.exchange->timeout;
  while (failure_.ok() && !(post.missing.empty() && post.unread.empty())) {
    if (CopyParts(rank, post)) continue;
    if (!failure_.ok()) break;
    failure_ = CheckLeft(post);
    if (!failure_.ok()) break;
    if (!changed_.WaitWithDeadline(&mu_, deadline)) continue;
    // Time is up; what came in the same moment still counts.
    if (CopyParts(rank, post) || (post.missing.empty() && post.unread.empty())) continue;
    if (failure_.ok()) {
      failure_ = StuckRankError(Blame(post), post.exchange->collective, absl::Now() - start);
    }
  }
  if (!failure_.ok()) changed_.SignalAll();
  // What is complete counts, though another rank met a failure in the next call already.
  return post.missing.empty() && post.unread.empty() ? OkStatus() : failure_;
}

Status ThreadWorld::Run(int32_t rank, const Exchange& exchange) {
  Post post;
  post.exchange = &exchange;
  for (const int32_t peer : exchange.members) {
    if (peer == rank) continue;
    post.unread.push_back(peer);
    post.missing.push_back(peer);
  }
  absl::MutexLock lock(&mu_);
  if (!failure_.ok()) return failure_;
  const PostKey key{exchange.context, exchange.sequence, rank};
  posts_[key] = &post;
  current_[static_cast<size_t>(rank)] = &post;
  changed_.SignalAll();
  Status status = Wait(rank, post);
  posts_.erase(key);
  current_[static_cast<size_t>(rank)] = nullptr;
  while (post.readers > 0) changed_.Wait(&mu_);  // they only copy: bounded
  return status;
}

void ThreadWorld::Leave(int32_t rank) {
  absl::MutexLock lock(&mu_);
  left_[static_cast<size_t>(rank)] = 1;
  changed_.SignalAll();
}

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<ThreadWorld> world, int32_t rank)
      : world_(std::move(world)), rank_(rank) {}
  ~ThreadTransport() override { world_->Leave(rank_); }
  int32_t world_rank() const override { return rank_; }
  int32_t world_size() const override { return world_->size(); }
  absl::Duration timeout() const override { return world_->timeout(); }
  Status Run(const Exchange& exchange) override { return world_->Run(rank_, exchange); }

 private:
  const std::shared_ptr<ThreadWorld> world_;
  const int32_t rank_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> CreateThreadRanks(int32_t ranks,
                                                             absl::Duration timeout) {
  const auto world = std::make_shared<ThreadWorld>(ranks, timeout);
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (int32_t r = 0; r < ranks; ++r) {
    communicators.push_back(GroupCommunicator::World(std::make_shared<ThreadTransport>(world, r)));
  }
  return communicators;
}

}  // namespace hadal::inference
