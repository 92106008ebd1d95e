#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/status.h"
#include "services/retrieval/config.h"

namespace hadal::retrieval_service {

/// The running hadal-retrieval: port, store, parser processes. Thread-safe.
class RetrievalServer {
 public:
  /// Listens at once, with health NOT_SERVING, and writes DATA/run/retrieval.json. A thread then
  /// waits for the inference service, opens the store and lets health say SERVING.
  static StatusOr<std::unique_ptr<RetrievalServer>> Start(const RetrievalConfig& config);
  ~RetrievalServer();

  /// HOST:PORT really bound.
  const std::string& address() const;
  /// True once the store could not be opened: nothing will be served. The process gets SIGTERM
  /// then, so that main() needs to wait for one thing only.
  bool failed() const { return failed_; }

 private:
  struct Parts;
  RetrievalServer(const RetrievalConfig& config, std::unique_ptr<Parts> parts);
  void OpenAndServe();
  Status WaitAndOpen();

  const RetrievalConfig config_;
  const std::unique_ptr<Parts> parts_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> failed_ = false;
  std::thread opener_;
};

}  // namespace hadal::retrieval_service
