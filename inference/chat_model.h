#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "inference/chat.h"
#include "inference/constraint.h"
#include "inference/engine.h"
#include "inference/tokenizer.h"

namespace hadal::inference {

class Checkpoint;
class RankGroup;
class ThreadPool;

/// A chat model ready to serve: everything a request goes through. Thread-safe, as its parts are.
struct ChatModel {
  std::shared_ptr<const Checkpoint> checkpoint;  ///< the mapped weights; outlives the engine
  std::shared_ptr<const Checkpoint> draft_checkpoint;  ///< of EngineOptions::draft, or null
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ConstraintCompiler> constraints;  ///< for this tokenizer
  ChatTemplate chat_template = ChatTemplate::kQwen25;
  int32_t context_length = 0;
  std::unique_ptr<Engine> engine;
};

/// The one compute pool of a process; 0 threads: as many as this thread's cores, and no more
/// than its control group grants.
std::shared_ptr<ThreadPool> MakeThreadPool(int32_t num_threads);

/// Loads the model at `path` (GGUF file or Hugging Face folder) and starts its engine. With
/// `ranks`, which this process leads, the decoder is theirs together; a draft model is always
/// this process's alone. INVALID_ARGUMENT for a damaged file, an unknown chat template or a draft
/// model whose tokens are others, UNIMPLEMENTED for an architecture there is no graph for.
StatusOr<ChatModel> LoadChatModel(const std::string& path, const EngineOptions& options,
                                  std::shared_ptr<ThreadPool> pool, RankGroup* ranks = nullptr);

}  // namespace hadal::inference
