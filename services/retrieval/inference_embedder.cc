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
// Of one call that counts tokens: well below what gRPC takes as one message.
constexpr size_t kCountTexts = 1024;
constexpr size_t kCountBytes = size_t{1} << 20;
constexpr int32_t kReserveTokens = 2;

}  // namespace

StatusOr<std::unique_ptr<InferenceEmbedder>> InferenceEmbedder::Connect(
    std::shared_ptr<grpc::Channel> channel, const InferenceEmbedderOptions& options) {
  std::unique_ptr<InferenceEmbedder> embedder(
      new InferenceEmbedder(internal::v1::Inference::NewStub(std::move(channel)), options));
  RETURN_IF_ERROR(embedder->Discover());
  RETURN_IF_ERROR(embedder->Probe());
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
    if (model.embedding_dim() <= 0 || model.context_length() <= 0 ||
        model.sha256().size() < kDigestDigits) {
      return Internal("embedding model {} is described with {} dimensions, {} tokens, digest '{}'",
                      model.id(), model.embedding_dim(), model.context_length(), model.sha256());
    }
    model_ = model.id();
    model_id_ = model.id() + "@" + model.sha256().substr(0, kDigestDigits);
    dim_ = model.embedding_dim();
    max_tokens_ = model.context_length();
    return OkStatus();
  }
  return NotFound(
      "the inference service serves no embedding model{}{}: check its embedding_model setting",
      options_.model.empty() ? "" : " ", options_.model);
}

Status InferenceEmbedder::Probe() {
  const std::string word = "hadal";
  v1::EmbedRequest request;
  request.set_model(model_);
  request.set_kind(v1::EMBED_KIND_PASSAGE);
  request.add_texts(word);
  std::vector<float> vector;
  ASSIGN_OR_RETURN(const int32_t fed, Embed(request, kDiscoverLimit, vector));
  ASSIGN_OR_RETURN(const std::vector<int32_t> alone, CountTokens({word}));
  max_tokens_ -= std::max(0, fed - alone[0]) + kReserveTokens;
  return OkStatus();
}

void InferenceEmbedder::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
}

Status InferenceEmbedder::CallOnce(const TryOnce& try_once, absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return Cancelled("the service is shutting down");
    running_.insert(&context);
  }
  const grpc::Status status = try_once(&context);
  absl::MutexLock lock(&mu_);
  running_.erase(&context);
  return rpc::FromGrpc(status);
}

Status InferenceEmbedder::Call(const TryOnce& try_once, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  Status status = CallOnce(try_once, deadline);
  for (absl::Duration pause = kFirstPause;
       absl::IsUnavailable(status) && absl::Now() + pause < deadline;
       pause = std::min(2 * pause, kLongestPause)) {
    absl::SleepFor(pause);
    status = CallOnce(try_once, deadline);
  }
  if (absl::IsDeadlineExceeded(status)) {
    return Unavailable("embedding model {}: the inference service did not answer within {} s",
                       model_, absl::ToDoubleSeconds(patience));
  }
  return status.ok() ? status : Annotate(status, "embedding model " + model_);
}

StatusOr<std::vector<int32_t>> InferenceEmbedder::CountTokens(
    const std::vector<std::string>& texts) {
  std::vector<int32_t> counts;
  counts.reserve(texts.size());
  while (counts.size() < texts.size()) {
    internal::v1::CountTokensRequest request;
    request.set_model(model_);
    size_t bytes = 0;
    for (size_t i = counts.size(); i < texts.size() && bytes < kCountBytes; ++i) {
      if (static_cast<size_t>(request.texts_size()) == kCountTexts) break;
      request.add_texts(texts[i]);
      bytes += texts[i].size();
    }
    internal::v1::CountTokensResponse response;
    RETURN_IF_ERROR(Call(
        [&](grpc::ClientContext* context) {
          response.Clear();
          return stub_->CountTokens(context, request, &response);
        },
        options_.patience));
    if (response.counts_size() != request.texts_size()) {
      return Internal("embedding model {} counted {} of {} texts", model_, response.counts_size(),
                      request.texts_size());
    }
    counts.insert(counts.end(), response.counts().begin(), response.counts().end());
  }
  return counts;
}

StatusOr<int32_t> InferenceEmbedder::Embed(const v1::EmbedRequest& request, absl::Duration patience,
                                           std::vector<float>& out) {
  v1::EmbedResponse response;
  RETURN_IF_ERROR(Call(
      [&](grpc::ClientContext* context) {
        response.Clear();
        return stub_->Embed(context, request, &response);
      },
      patience));
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
  return response.tokens();
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
    RETURN_IF_ERROR(Embed(request, options_.patience, vectors).status());
  }
  return vectors;
}

StatusOr<std::vector<float>> InferenceEmbedder::EmbedQuery(const std::string& query) {
  v1::EmbedRequest request;
  request.set_model(model_);
  request.set_kind(v1::EMBED_KIND_QUERY);
  request.add_texts(query);
  std::vector<float> vector;
  RETURN_IF_ERROR(Embed(request, options_.patience, vector).status());
  return vector;
}

}  // namespace hadal::retrieval_service
