#include "inference/chat_model.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "inference/engine/drafter.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/rank_group.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

std::shared_ptr<ThreadPool> MakeThreadPool(int32_t num_threads) {
  return std::make_shared<ThreadPool>(num_threads);
}

namespace {

// A draft is token ids: they must mean the same to both. Vocabularies are padded differently.
Status CheckSameTokens(const Tokenizer& model, const Tokenizer& draft) {
  const int32_t shared = std::min(model.vocabulary_size(), draft.vocabulary_size());
  for (int32_t id = 0; id < shared; ++id) {
    if (model.TokenBytes(id) == draft.TokenBytes(id)) continue;
    return InvalidArgument(
        "token {} is \"{}\" for the model and \"{}\" for its draft model; use a draft model with "
        "the same tokenizer",
        id, SanitizeUtf8(model.TokenBytes(id)), SanitizeUtf8(draft.TokenBytes(id)));
  }
  return OkStatus();
}

/// The decoder of EngineOptions::draft, whose checkpoint is put into `model`.
StatusOr<std::shared_ptr<Decoder>> LoadDraft(const EngineOptions& options,
                                             std::shared_ptr<ThreadPool> pool, ChatModel& model) {
  ASSIGN_OR_RETURN(model.draft_checkpoint, Checkpoint::Open(options.draft));
  ASSIGN_OR_RETURN(const auto tokenizer, LoadTokenizer(options.draft));
  RETURN_IF_ERROR(Annotate(CheckSameTokens(*model.tokenizer, *tokenizer), options.draft));
  DecoderOptions wanted;
  wanted.kv_dtype = options.kv_dtype;
  return LoadDecoder(*model.draft_checkpoint, wanted, std::move(pool));
}

}  // namespace

StatusOr<ChatModel> LoadChatModel(const std::string& path, const EngineOptions& options,
                                  std::shared_ptr<ThreadPool> pool, RankGroup* ranks) {
  ChatModel model;
  ASSIGN_OR_RETURN(model.checkpoint, Checkpoint::Open(path));
  ASSIGN_OR_RETURN(model.tokenizer, LoadTokenizer(path));
  model.constraints = ConstraintCompiler::Create(*model.tokenizer);
  ASSIGN_OR_RETURN(model.chat_template,
                   IdentifyChatTemplate(model.checkpoint->config().chat_template));
  const DecoderOptions wanted = DecoderOptionsFor(*model.checkpoint, options);
  std::shared_ptr<Decoder> decoder, draft;
  if (!options.draft.empty()) {
    ASSIGN_OR_RETURN(draft, LoadDraft(options, pool, model));
  }
  if (ranks == nullptr) {
    ASSIGN_OR_RETURN(decoder, LoadDecoder(*model.checkpoint, wanted, std::move(pool)));
  } else {
    ASSIGN_OR_RETURN(decoder, ranks->Load(*model.checkpoint, wanted, std::move(pool)));
  }
  model.context_length = decoder->config().context_length;
  ASSIGN_OR_RETURN(model.engine, Engine::Create(options, std::move(decoder), model.tokenizer,
                                                /*clock=*/nullptr, std::move(draft)));
  return model;
}

}  // namespace hadal::inference
