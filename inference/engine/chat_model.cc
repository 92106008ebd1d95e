#include "inference/chat_model.h"

#include <utility>

#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/rank_group.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

std::shared_ptr<ThreadPool> MakeThreadPool(int32_t num_threads) {
  return std::make_shared<ThreadPool>(num_threads);
}

StatusOr<ChatModel> LoadChatModel(const std::string& path, const EngineOptions& options,
                                  std::shared_ptr<ThreadPool> pool, RankGroup* ranks) {
  ChatModel model;
  ASSIGN_OR_RETURN(model.checkpoint, Checkpoint::Open(path));
  ASSIGN_OR_RETURN(model.tokenizer, LoadTokenizer(path));
  model.constraints = ConstraintCompiler::Create(*model.tokenizer);
  ASSIGN_OR_RETURN(model.chat_template,
                   IdentifyChatTemplate(model.checkpoint->config().chat_template));
  std::shared_ptr<Decoder> decoder;
  DecoderOptions decoder_options;
  decoder_options.expanded_prefill = options.expanded_prefill > 0;
  if (ranks == nullptr) {
    ASSIGN_OR_RETURN(decoder, LoadDecoder(*model.checkpoint, decoder_options, std::move(pool)));
  } else if (decoder_options.expanded_prefill) {
    return Unimplemented(
        "expanded_prefill on ranks: those that follow load without it; set it to 0");
  } else {
    ASSIGN_OR_RETURN(decoder, ranks->Load(*model.checkpoint, decoder_options, std::move(pool)));
  }
  model.context_length = decoder->config().context_length;
  ASSIGN_OR_RETURN(model.engine, Engine::Create(options, std::move(decoder), model.tokenizer));
  return model;
}

}  // namespace hadal::inference
