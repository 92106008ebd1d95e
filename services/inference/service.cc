#include "services/inference/service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "inference/reasoning_splitter.h"
#include "services/inference/generation.h"
#include "services/inference/model_description.h"
#include "services/rpc/status.h"

namespace hadal::inference_service {
namespace {

using inference::FinishReason;
using inference::GenerateDelta;

/// How long a cancelled call may go unnoticed while its sequence waits for its first token. With
/// tokens flowing the failing Write() tells at once.
constexpr absl::Duration kCancelPoll = absl::Milliseconds(20);

/// Between groups of so many texts other callers of the embedder get their turn: a query waits for
/// one group of a bulk load, not for all of it.
constexpr int kEmbedGroup = 8;
/// Background texts go one by one: a query or an answer waits for one short forward pass of theirs
/// (0.29 s instead of 0.50 s with two texts, on two busy cores; an eighth more work in all).
constexpr int kBackgroundGroup = 1;
/// How long one of them lets others go first. Some progress is made under any load, and a batch of
/// 16 ends within its caller's patience.
constexpr absl::Duration kBackgroundYield = absl::Seconds(2);
constexpr int kMaxTexts = 4096;

absl::Time DeadlineOf(const grpc::ServerContext& context) {
  const auto deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max() ? absl::InfiniteFuture()
                                                                  : absl::FromChrono(deadline);
}

/// The status of a call its client has given up.
Status GivenUp(const grpc::ServerContext& context) {
  if (absl::Now() >= DeadlineOf(context)) return DeadlineExceeded("the call's deadline passed");
  return Cancelled("the client cancelled the call");
}

Status CheckTexts(int count) {
  if (count <= kMaxTexts) return OkStatus();
  return ResourceExhausted("{} texts in one call; at most {} are allowed", count, kMaxTexts);
}

/// One generation on its way from the engine to the client.
class GenerationCall {
 public:
  GenerationCall(grpc::ServerContext* context, const ServedModel& model,
                 bool begins_inside_reasoning, int32_t num_choices,
                 grpc::ServerWriter<internal::v1::GenerateEvent>* writer)
      : context_(context),
        model_(model),
        writer_(writer),
        choices_(static_cast<size_t>(num_choices), Choice(begins_inside_reasoning)) {}

  /// An error of one choice is the call's.
  Status Run(inference::GenerationStream& stream) {
    for (size_t unfinished = choices_.size(); unfinished > 0;) {
      std::optional<GenerateDelta> delta = stream.Next(absl::Now() + kCancelPoll);
      if (context_->IsCancelled()) return GivenUp(*context_);
      if (model_.retired) return model_.Retired();
      if (!delta) continue;
      Choice& choice = choices_[static_cast<size_t>(delta->choice)];
      choice.token_ids.insert(choice.token_ids.end(), delta->token_ids.begin(),
                              delta->token_ids.end());
      KeepLogprobs(*delta, choice);
      if (!Write(delta->choice, choice.splitter.Append(delta->text))) return GivenUp(*context_);
      if (!delta->finished) continue;
      RETURN_IF_ERROR(FinishChoice(*delta, choice));
      --unfinished;
    }
    return WriteResult() ? OkStatus() : GivenUp(*context_);
  }

 private:
  struct Choice {
    explicit Choice(bool begins_inside_reasoning) : splitter(begins_inside_reasoning) {}
    inference::ReasoningSplitter splitter;
    std::vector<int32_t> token_ids;
    internal::v1::GenerateDelta unsent;  ///< log probabilities of tokens whose text is held back
    const char* finish_reason = "";
  };

  internal::v1::TokenLogprob LogprobOf(int32_t token, float logprob) const {
    internal::v1::TokenLogprob wire;
    wire.set_token(token);
    wire.set_text(model_.chat->tokenizer->TokenBytes(token));
    wire.set_logprob(logprob);
    return wire;
  }

  /// They go out with the next piece of text.
  void KeepLogprobs(const GenerateDelta& delta, Choice& choice) const {
    for (size_t i = 0; i < delta.logprobs.size(); ++i) {
      const inference::TokenLogprobs& of = delta.logprobs[i];
      internal::v1::TokenLogprob& wire = *choice.unsent.add_logprobs();
      wire = LogprobOf(delta.token_ids[i], of.logprob);
      for (const auto& other : of.top) *wire.add_top() = LogprobOf(other.token, other.logprob);
    }
  }

  bool Write(int32_t index, inference::ReasoningSplitter::Piece piece, bool last = false) {
    internal::v1::GenerateDelta& unsent = choices_[static_cast<size_t>(index)].unsent;
    const bool empty = piece.reasoning.empty() && piece.content.empty();
    if (empty && !(last && unsent.logprobs_size() > 0)) return true;
    internal::v1::GenerateEvent event;
    unsent.set_choice(index);
    unsent.set_reasoning(std::move(piece.reasoning));
    unsent.set_content(std::move(piece.content));
    *event.mutable_delta() = std::exchange(unsent, {});
    return writer_->Write(event);
  }

  Status FinishChoice(const GenerateDelta& last, Choice& choice) {
    if (last.finish_reason == FinishReason::kError) return last.error;
    if (last.finish_reason == FinishReason::kCancelled) return Cancelled("cancelled");
    choice.finish_reason = last.finish_reason == FinishReason::kStop ? "stop" : "length";
    usage_.prompt_tokens += last.usage.prompt_tokens;
    usage_.cached_tokens += last.usage.cached_tokens;
    usage_.completion_tokens += last.usage.completion_tokens;
    if (Write(last.choice, choice.splitter.Finish(), /*last=*/true)) return OkStatus();
    return GivenUp(*context_);
  }

  bool WriteResult() {
    internal::v1::GenerateEvent event;
    internal::v1::GenerateResult& result = *event.mutable_result();
    const auto fill = [](const Choice& choice, auto& wire) {
      wire.set_finish_reason(choice.finish_reason);
      wire.mutable_token_ids()->Assign(choice.token_ids.begin(), choice.token_ids.end());
    };
    fill(choices_[0], result);
    for (size_t i = 1; i < choices_.size(); ++i) fill(choices_[i], *result.add_others());
    result.set_prompt_tokens(usage_.prompt_tokens);
    result.set_cached_tokens(usage_.cached_tokens);
    result.set_completion_tokens(usage_.completion_tokens);
    return writer_->Write(event);
  }

  grpc::ServerContext* const context_;
  const ServedModel& model_;
  grpc::ServerWriter<internal::v1::GenerateEvent>* const writer_;
  std::vector<Choice> choices_;
  inference::Usage usage_;  ///< of the choices that have ended
};

Status RunGenerate(grpc::ServerContext* context, const internal::v1::GenerateRequest& request,
                   const ServedModels& models,
                   grpc::ServerWriter<internal::v1::GenerateEvent>* writer) {
  ASSIGN_OR_RETURN(const auto model, models.Find(request.model(), ModelKind::kChat));
  ASSIGN_OR_RETURN(Generation generation,
                   PrepareGeneration(request, *model->chat, DeadlineOf(*context)));
  const int32_t n = generation.request.n;
  ASSIGN_OR_RETURN(const auto stream, model->chat->engine->Submit(std::move(generation.request)));
  return GenerationCall(context, *model, generation.begins_inside_reasoning, n, writer)
      .Run(*stream);
}

StatusOr<inference::EmbedKind> KindOf(v1::EmbedKind kind) {
  switch (kind) {
    case v1::EMBED_KIND_UNSPECIFIED:
      return inference::EmbedKind::kRaw;
    case v1::EMBED_KIND_QUERY:
      return inference::EmbedKind::kQuery;
    case v1::EMBED_KIND_PASSAGE:
      return inference::EmbedKind::kPassage;
    default:
      return InvalidArgument("unknown embedding kind {}", static_cast<int>(kind));
  }
}

Status RunEmbed(const grpc::ServerContext& context, const v1::EmbedRequest& request,
                const ServedModels& models, Foreground& foreground, v1::EmbedResponse& response) {
  ASSIGN_OR_RETURN(const auto model, models.Find(request.model(), ModelKind::kEmbedding));
  ASSIGN_OR_RETURN(const inference::EmbedKind kind, KindOf(request.kind()));
  RETURN_IF_ERROR(CheckTexts(request.texts_size()));
  const bool background = request.priority() == v1::EMBED_PRIORITY_BACKGROUND;
  std::optional<Foreground::Call> call;
  if (!background) call.emplace(foreground);
  const int group = background ? kBackgroundGroup : kEmbedGroup;
  int32_t tokens = 0;
  for (int begin = 0; begin < request.texts_size(); begin += group) {
    if (background) foreground.WaitUntilIdle(kBackgroundYield);
    if (context.IsCancelled()) return GivenUp(context);
    if (model->retired) return model->Retired();
    const int end = std::min(begin + group, request.texts_size());
    ASSIGN_OR_RETURN(const inference::Embeddings embeddings,
                     model->embedder->Embed(
                         {request.texts().begin() + begin, request.texts().begin() + end}, kind));
    tokens += embeddings.tokens;
    for (auto row = embeddings.values.begin(); row != embeddings.values.end();
         row += embeddings.dim) {
      response.add_vectors()->mutable_values()->Assign(row, row + embeddings.dim);
    }
  }
  response.set_tokens(tokens);
  return OkStatus();
}

Status RunCountTokens(const grpc::ServerContext& context,
                      const internal::v1::CountTokensRequest& request, const ServedModels& models,
                      internal::v1::CountTokensResponse& response) {
  ASSIGN_OR_RETURN(const auto model, models.Find(request.model()));
  RETURN_IF_ERROR(CheckTexts(request.texts_size()));
  for (const std::string& text : request.texts()) {
    if (context.IsCancelled()) return GivenUp(context);
    response.add_counts(model->chat != nullptr
                            ? static_cast<int32_t>(model->chat->tokenizer->Encode(text, {}).size())
                            : model->embedder->CountTokens(text));
  }
  return OkStatus();
}

Status RunListModels(const grpc::ServerContext& context, const ServedModels& models,
                     ModelDigests& digests, v1::ListModelsResponse& response) {
  for (const ServedModels::Model& served : models.all()) {
    v1::Model& model = *response.add_models();
    model = DescribeServed(*served);
    if (!served->sha256.empty()) continue;
    StatusOr<std::string> digest = DeadlineExceeded("not asked yet");
    while (absl::IsDeadlineExceeded(digest.status())) {
      if (context.IsCancelled()) return GivenUp(context);
      digest = digests.Wait(served->entry.path, absl::Now() + kCancelPoll);
    }
    RETURN_IF_ERROR(digest.status());
    model.set_sha256(*std::move(digest));
  }
  return OkStatus();
}

}  // namespace

void InferenceService::Serve(std::shared_ptr<const ServedModels> models,
                             std::shared_ptr<ModelDigests> digests) {
  absl::MutexLock lock(&mu_);
  models_ = std::move(models);
  digests_ = std::move(digests);
}

StatusOr<InferenceService::Serving> InferenceService::Current() const {
  absl::MutexLock lock(&mu_);
  if (models_ == nullptr) return Unavailable("the models are still loading; try again soon");
  return Serving{models_, digests_};
}

grpc::Status InferenceService::Generate(grpc::ServerContext* context,
                                        const internal::v1::GenerateRequest* request,
                                        grpc::ServerWriter<internal::v1::GenerateEvent>* writer) {
  const auto serving = Current();
  if (!serving.ok()) return rpc::ToGrpc(serving.status());
  const Foreground::Call call(foreground_);
  return rpc::ToGrpc(RunGenerate(context, *request, *serving->models, writer));
}

grpc::Status InferenceService::Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                                     v1::EmbedResponse* response) {
  const auto serving = Current();
  if (!serving.ok()) return rpc::ToGrpc(serving.status());
  return rpc::ToGrpc(RunEmbed(*context, *request, *serving->models, foreground_, *response));
}

grpc::Status InferenceService::CountTokens(grpc::ServerContext* context,
                                           const internal::v1::CountTokensRequest* request,
                                           internal::v1::CountTokensResponse* response) {
  const auto serving = Current();
  if (!serving.ok()) return rpc::ToGrpc(serving.status());
  return rpc::ToGrpc(RunCountTokens(*context, *request, *serving->models, *response));
}

grpc::Status InferenceService::ListModels(grpc::ServerContext* context,
                                          const v1::ListModelsRequest*,
                                          v1::ListModelsResponse* response) {
  const auto serving = Current();
  if (!serving.ok()) return rpc::ToGrpc(serving.status());
  return rpc::ToGrpc(RunListModels(*context, *serving->models, *serving->digests, *response));
}

}  // namespace hadal::inference_service
