#include "services/gateway/backend/inference_client.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <utility>

#include "hadal/internal/v1/inference.grpc.pb.h"
#include "services/gateway/backend/client_call.h"
#include "services/gateway/filters/error_detail.h"

namespace hadal::gateway {
namespace {

/// What uses an event may index with its choices.
Status CheckChoices(const internal::v1::GenerateEvent& event, int32_t num_choices) {
  const int32_t choice = event.delta().choice();
  const bool fits = choice >= 0 && choice < num_choices &&
                    (!event.has_result() || event.result().others_size() == num_choices - 1);
  if (fits) return OkStatus();
  return Internal("the inference service did not answer with {} choices", num_choices);
}

}  // namespace

struct InferenceClient::Stub {
  explicit Stub(std::shared_ptr<grpc::Channel> channel)
      : inference(internal::v1::Inference::NewStub(std::move(channel))) {}
  const std::unique_ptr<internal::v1::Inference::Stub> inference;
};

InferenceClient::InferenceClient(std::shared_ptr<grpc::Channel> channel)
    : stub_(std::make_unique<Stub>(std::move(channel))) {}
InferenceClient::~InferenceClient() = default;

StatusOr<internal::v1::GenerateResult> InferenceClient::Generate(
    CallScope& scope, const internal::v1::GenerateRequest& request, const OnDelta& on_delta) const {
  ClientCall call(scope);
  const auto stream = stub_->inference->Generate(call.context(), request);
  internal::v1::GenerateEvent event;
  StatusOr<internal::v1::GenerateResult> result =
      Internal("the inference service ended a generation without a result");
  Status broken;
  bool stopped = false;
  while (stream->Read(&event)) {
    if (stopped) continue;
    broken = CheckChoices(event, std::max(request.n(), 1));
    if (!broken.ok() || (event.has_delta() && !on_delta(event.delta()))) {
      stopped = true;
      call.context()->TryCancel();  // Read() then drains what is under way and ends.
    } else if (event.has_result()) {
      result = event.result();
    }
  }
  const Status status = BackendStatus("inference", stream->Finish());
  RETURN_IF_ERROR(broken);
  if (stopped) return Cancelled("the caller went away");
  if (!status.ok()) return status;
  return result;
}

StatusOr<v1::EmbedResponse> InferenceClient::Embed(CallScope& scope,
                                                   const v1::EmbedRequest& request) const {
  ClientCall call(scope);
  v1::EmbedResponse response;
  RETURN_IF_ERROR(
      BackendStatus("inference", stub_->inference->Embed(call.context(), request, &response)));
  if (response.vectors_size() != request.texts_size()) {
    return Internal("the inference service returned {} vectors for {} texts",
                    response.vectors_size(), request.texts_size());
  }
  return response;
}

StatusOr<std::vector<int32_t>> InferenceClient::CountTokens(
    CallScope& scope, const std::string& model, const std::vector<std::string>& texts) const {
  ClientCall call(scope);
  internal::v1::CountTokensRequest request;
  request.set_model(model);
  for (const std::string& text : texts) request.add_texts(text);
  internal::v1::CountTokensResponse response;
  RETURN_IF_ERROR(BackendStatus("inference",
                                stub_->inference->CountTokens(call.context(), request, &response)));
  if (static_cast<size_t>(response.counts_size()) != texts.size()) {
    return Internal("the inference service returned {} counts for {} texts", response.counts_size(),
                    texts.size());
  }
  return std::vector<int32_t>(response.counts().begin(), response.counts().end());
}

StatusOr<v1::ListModelsResponse> InferenceClient::ListModels(CallScope& scope) const {
  ClientCall call(scope);
  v1::ListModelsResponse response;
  RETURN_IF_ERROR(BackendStatus(
      "inference",
      stub_->inference->ListModels(call.context(), v1::ListModelsRequest(), &response)));
  return response;
}

StatusOr<v1::Model> InferenceClient::FindModel(CallScope& scope, const std::string& id,
                                               const std::string& kind) const {
  ASSIGN_OR_RETURN(v1::ListModelsResponse models, ListModels(scope));
  std::string known;
  for (v1::Model& model : *models.mutable_models()) {
    if (!kind.empty() && model.kind() != kind) continue;
    if (id.empty() || model.id() == id) return std::move(model);
    known += known.empty() ? model.id() : ", " + model.id();
  }
  return WithDetail(NotFound("there is no {}{}model '{}' here; served: {}", kind,
                             kind.empty() ? "" : " ", id, known.empty() ? "none" : known),
                    {.param = "model", .code = "model_not_found"});
}

}  // namespace hadal::gateway
