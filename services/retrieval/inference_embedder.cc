#include "services/retrieval/inference_embedder.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "services/rpc/status.h"

namespace hadal::retrieval_service {
namespace {

constexpr size_t kDigestDigits = 16;
constexpr absl::Duration kDiscoverLimit = absl::Seconds(5);
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(1);

}  // namespace

StatusOr<std::unique_ptr<InferenceEmbedder>> InferenceEmbedder::Connect(
    std::shared_ptr<grpc::Channel> channel, const InferenceEmbedderOptions& options) {
  std::unique_ptr<InferenceEmbedder> embedder(
      new InferenceEmbedder(internal::v1::Inference::NewStub(std::move(channel)), options));
  RETURN_IF_ERROR(embedder->Discover());
  ASSIGN_OR_RETURN(const std::vector<float> probe,
                   embedder->EmbedOneQuery("hadal", kDiscoverLimit));
  if (probe.size() != static_cast<size_t>(embedder->dim_)) {
    return Internal("embedding model {} gave {} numbers, its description says {}", embedder->model_,
                    probe.size(), embedder->dim_);
  }
  return embedder;
}

Status InferenceEmbedder::Discover() {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDiscoverLimit));
  v1::ListModelsResponse response;
  const Status listed = rpc::FromGrpc(stub_->ListModels(&context, {}, &response));
  if (absl::IsDeadlineExceeded(listed)) return Unavailable("{}", StatusMessage(listed));
  RETURN_IF_ERROR(listed);
  for (const v1::Model& model : response.models()) {
    if (model.kind() != "embedding") continue;
    if (!options_.model.empty() && model.id() != options_.model) continue;
    if (model.embedding_dim() <= 0 || model.sha256().size() < kDigestDigits) {
      return Internal("embedding model {} is described with {} dimensions and digest '{}'",
                      model.id(), model.embedding_dim(), model.sha256());
    }
    model_ = model.id();
    model_id_ = model.id() + "@" + model.sha256().substr(0, kDigestDigits);
    dim_ = model.embedding_dim();
    return OkStatus();
  }
  return NotFound(
      "the inference service serves no embedding model{}{}: check its embedding_model setting",
      options_.model.empty() ? "" : " ", options_.model);
}

void InferenceEmbedder::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
}

Status InferenceEmbedder::Call(const v1::EmbedRequest& request, absl::Time deadline,
                               v1::EmbedResponse& response) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return Cancelled("the service is shutting down");
    running_.insert(&context);
  }
  const grpc::Status status = stub_->Embed(&context, request, &response);
  absl::MutexLock lock(&mu_);
  running_.erase(&context);
  return rpc::FromGrpc(status);
}

Status InferenceEmbedder::Embed(const v1::EmbedRequest& request, absl::Duration patience,
                                std::vector<float>& out) {
  const absl::Time deadline = absl::Now() + patience;
  v1::EmbedResponse response;
  Status status = Call(request, deadline, response);
  for (absl::Duration pause = kFirstPause;
       absl::IsUnavailable(status) && absl::Now() + pause < deadline;
       pause = std::min(2 * pause, kLongestPause)) {
    absl::SleepFor(pause);
    response.Clear();
    status = Call(request, deadline, response);
  }
  if (absl::IsDeadlineExceeded(status)) {
    return Unavailable("embedding {}: the inference service did not answer within {} s", model_,
                       absl::ToDoubleSeconds(patience));
  }
  if (!status.ok()) return Annotate(status, "embedding " + model_);
  if (response.vectors_size() != request.texts_size()) {
    return Internal("embedding {} texts with {} gave {} vectors", request.texts_size(), model_,
                    response.vectors_size());
  }
  for (const v1::Vector& vector : response.vectors()) {
    if (vector.values_size() != dim_) {
      return Internal("embedding model {} gave {} numbers, expected {}", model_,
                      vector.values_size(), dim_);
    }
    out.insert(out.end(), vector.values().begin(), vector.values().end());
  }
  return OkStatus();
}

StatusOr<std::vector<float>> InferenceEmbedder::EmbedPassages(const std::vector<std::string>& texts,
                                                              retrieval::EmbedPriority priority) {
  std::vector<float> vectors;
  vectors.reserve(texts.size() * static_cast<size_t>(dim_));
  for (size_t begin = 0; begin < texts.size(); begin += static_cast<size_t>(options_.batch)) {
    v1::EmbedRequest request;
    request.set_model(model_);
    request.set_kind(v1::EMBED_KIND_PASSAGE);
    if (priority == retrieval::EmbedPriority::kBackground) {
      request.set_priority(v1::EMBED_PRIORITY_BACKGROUND);
    }
    const size_t end = std::min(begin + static_cast<size_t>(options_.batch), texts.size());
    for (size_t i = begin; i < end; ++i) request.add_texts(texts[i]);
    RETURN_IF_ERROR(Embed(request, options_.patience, vectors));
  }
  return vectors;
}

StatusOr<std::vector<float>> InferenceEmbedder::EmbedQuery(const std::string& query) {
  return EmbedOneQuery(query, options_.patience);
}

StatusOr<std::vector<float>> InferenceEmbedder::EmbedOneQuery(const std::string& query,
                                                              absl::Duration patience) {
  v1::EmbedRequest request;
  request.set_model(model_);
  request.set_kind(v1::EMBED_KIND_QUERY);
  request.add_texts(query);
  std::vector<float> vector;
  RETURN_IF_ERROR(Embed(request, patience, vector));
  return vector;
}

}  // namespace hadal::retrieval_service
