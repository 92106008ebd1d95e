#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "hadal/internal/v1/inference.grpc.pb.h"
#include "retrieval/embedder.h"

namespace hadal::retrieval_service {

struct InferenceEmbedderOptions {
  std::string model;  ///< id; empty: the first embedding model
  int64_t batch = 32;
  absl::Duration patience = absl::Seconds(120);  ///< for one batch, with all its repetitions
};

/// The embedding model of the inference service. A call that finds the service away or still
/// loading is repeated until its patience is over. Thread-safe.
class InferenceEmbedder final : public retrieval::Embedder {
 public:
  /// Asks once which model there is and that it answers. UNAVAILABLE while the service is away or
  /// loading: ask again; NOT_FOUND when it serves no such model.
  static StatusOr<std::unique_ptr<InferenceEmbedder>> Connect(
      std::shared_ptr<grpc::Channel> channel, const InferenceEmbedderOptions& options);

  /// "<id>@<first 16 digits of the model file's SHA-256>": a changed file is another model.
  std::string model_id() const override { return model_id_; }
  int32_t dim() const override { return dim_; }
  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts) override;
  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override;

 private:
  InferenceEmbedder(std::unique_ptr<internal::v1::Inference::Stub> stub,
                    const InferenceEmbedderOptions& options)
      : options_(options), stub_(std::move(stub)) {}

  Status Discover();
  /// Appends the vectors of one request to `out`.
  Status Embed(const v1::EmbedRequest& request, std::vector<float>& out);

  const InferenceEmbedderOptions options_;
  const std::unique_ptr<internal::v1::Inference::Stub> stub_;
  // Set by Connect() only.
  std::string model_;
  std::string model_id_;
  int32_t dim_ = 0;
};

}  // namespace hadal::retrieval_service
