#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/engine.h"

namespace hadal::inference_service {

enum class ModelKind { kChat, kEmbedding };

/// One model to serve: a GGUF file or a Hugging Face folder.
struct ModelEntry {
  std::string id;    ///< what requests call it; empty: from the file name (ModelIdFromPath)
  std::string path;  ///< relative to the models folder
  ModelKind kind = ModelKind::kChat;
};

/// Everything hadal-inference can be told, parsed once at start.
struct InferenceConfig {
  std::string data_folder;
  std::string models_folder;
  std::string listen = "127.0.0.1:0";
  int64_t threads = 0;  ///< of the one compute pool; 0: one per core this process may use
  std::string chat_model = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
  std::string embedding_model = "multilingual-e5-small-q4_0.gguf";
  std::vector<ModelEntry> models;  ///< further ones
  std::string import_folder;       ///< models are imported from below it; empty: DATA/import
  int64_t memory_budget_mib = 0;   ///< of all models, by plan; 0: what machine or cgroup has
  int64_t kv_cache_mib = 512;      ///< of each chat model
  std::string kv_cache_dtype = "f16";
  int64_t block_size = 16;
  int64_t max_running = 16;
  int64_t max_waiting = 256;
  int64_t speculation_rows = 8;
  int64_t expanded_prefill = 0;
  int64_t max_batch_tokens = 128;  ///< a step's length is what decodes and cancellations wait for
  int64_t stream_capacity = 1024;
  int64_t ranks = 0;  ///< processes that mpirun or srun starts to share each chat model; 0: alone
  int64_t expert_parallel = 0;  ///< ranks that hold one copy of all experts; 0: all ranks
  int64_t rank_timeout_s = 60;  ///< a rank that is silent for so long is given up
  int64_t redundant_experts = 0;  ///< a rank holds beside its share of a layer
  int64_t rebalance_tokens = int64_t{1} << 20;  ///< experts may move every so many; 0: never
  int64_t rank_nodes = 0;  ///< machines, equal parts of the ranks; 0: found by their names
  int64_t max_calls = 320;  ///< gRPC calls at once; a generation is one
};

/// Puts the [inference] table of the TOML text into `config`; what it does not name stays as it is.
/// INVALID_ARGUMENT naming the key and what was expected, for an unknown key too.
Status ApplyToml(std::string_view text, InferenceConfig& config);

/// The same for the file at `path`; messages name it. Errors of ReadFile().
Status ReadConfigFile(const std::string& path, InferenceConfig& config);

/// INVALID_ARGUMENT when a value is out of range or a folder is not given.
Status ValidateConfig(const InferenceConfig& config);

/// The configuration as the TOML file that yields it, each key with what it means.
std::string FormatConfig(const InferenceConfig& config);

/// All models in the order they are listed: default chat, embedding, further ones; ids and full
/// paths filled in. INVALID_ARGUMENT when two have the same id.
StatusOr<std::vector<ModelEntry>> ModelsToServe(const InferenceConfig& config);

/// The folder that administrators' imports may read.
std::string ImportFolderOf(const InferenceConfig& config);

/// The file name without extension and quantisation: "a/qwen2.5-0.5b-q4_k_m.gguf" is
/// "qwen2.5-0.5b".
std::string ModelIdFromPath(std::string_view path);

inference::EngineOptions EngineOptionsOf(const InferenceConfig& config);

}  // namespace hadal::inference_service
