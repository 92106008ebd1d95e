#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "hadal/internal/v1/inference.grpc.pb.h"
#include "retrieval/embedder.h"
#include "retrieval/token_counter.h"

namespace hadal::retrieval_service {

struct InferenceEmbedderOptions {
  std::string model;  ///< id; empty: the first embedding model
  int64_t batch = 32;
  absl::Duration patience = absl::Seconds(120);  ///< for one batch, with all its repetitions
};

/// The embedding model of the inference service and its vocabulary. A call that finds the service
/// away or still loading is repeated until its patience is over. Thread-safe.
class InferenceEmbedder final : public retrieval::Embedder, public retrieval::TokenCounter {
 public:
  /// Asks once which model there is and that it answers. UNAVAILABLE while the service is away or
  /// loading: ask again; NOT_FOUND when it serves no such model.
  static StatusOr<std::unique_ptr<InferenceEmbedder>> Connect(
      std::shared_ptr<grpc::Channel> channel, const InferenceEmbedderOptions& options);

  /// "<id>@<first 16 digits of the model file's SHA-256>": a changed file is another model.
  std::string model_id() const override { return model_id_; }
  int32_t dim() const override { return dim_; }
  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                             retrieval::EmbedPriority priority) override;
  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override;
  /// What the model reads of a passage, less what it puts around it and a small reserve: a prefix
  /// and a text may have a token more together than each alone.
  int32_t max_tokens() const override { return max_tokens_; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override;
  /// Ends running calls and refuses new ones with CANCELLED: nobody waits at shutdown for an
  /// inference service that went first.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  InferenceEmbedder(std::unique_ptr<internal::v1::Inference::Stub> stub,
                    const InferenceEmbedderOptions& options)
      : options_(options), stub_(std::move(stub)) {}

  Status Discover();
  /// Embeds one word to see that the model answers, and what it puts around a passage.
  Status Probe();
  /// Appends the vectors of one request to `out`. Returns the tokens of all its texts.
  StatusOr<int32_t> Embed(const v1::EmbedRequest& request, absl::Duration patience,
                          std::vector<float>& out);
  using TryOnce = std::function<grpc::Status(grpc::ClientContext*)>;
  /// Repeats `try_once` while the service is away, until its patience is over.
  Status Call(const TryOnce& try_once, absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_);
  Status CallOnce(const TryOnce& try_once, absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

  const InferenceEmbedderOptions options_;
  const std::unique_ptr<internal::v1::Inference::Stub> stub_;
  // Set by Connect() only.
  std::string model_;
  std::string model_id_;
  int32_t dim_ = 0;
  int32_t max_tokens_ = 0;

  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval_service
