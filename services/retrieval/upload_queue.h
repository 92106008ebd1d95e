#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "retrieval/knowledge_store.h"
#include "services/retrieval/ingest.h"

namespace hadal::retrieval_service {

/// Reads the files that wait in the store, one after the other in a thread of its own: what an
/// earlier process left, what failed and may pass, what is to be read again. One that fails waits
/// longer and longer, behind the others. Thread-safe.
class UploadQueue {
 public:
  explicit UploadQueue(std::shared_ptr<const Ingest> ingest) : ingest_(std::move(ingest)) {}
  ~UploadQueue() { Stop(); }

  /// Takes up what waits in `store`; once. `tokens` counts as its embedding model does.
  void Start(std::shared_ptr<retrieval::KnowledgeStore> store,
             std::shared_ptr<retrieval::TokenCounter> tokens) ABSL_LOCKS_EXCLUDED(mu_);
  /// The file's next attempt, after `pause`.
  void Add(const retrieval::UploadTask& task, absl::Duration pause) ABSL_LOCKS_EXCLUDED(mu_);
  /// Returns when the file that is being read is done with; the others wait for the next Start().
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  /// Before the first attempt after one that failed.
  static constexpr absl::Duration kFirstPause = absl::Seconds(1);

 private:
  struct Waiting {
    retrieval::UploadTask task;
    absl::Time due;
    absl::Duration pause;  // the one that it has had
  };

  void Run(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens)
      ABSL_LOCKS_EXCLUDED(mu_);
  /// The one that is due first; nullopt once stopped.
  std::optional<Waiting> Next() ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<const Ingest> ingest_;

  absl::Mutex mu_;
  std::map<uint64_t, Waiting> waiting_ ABSL_GUARDED_BY(mu_);  // by number of the upload
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace hadal::retrieval_service
