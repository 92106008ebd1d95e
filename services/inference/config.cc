#include "services/inference/config.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "services/config/service_table.h"

namespace hadal::inference_service {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

/// The keys of the file, once: reading, checking and writing all follow these two lists.
struct TextField {
  const char* key;
  std::string InferenceConfig::*member;
  const char* meaning;
};
struct NumberField {
  const char* key;
  int64_t InferenceConfig::*member;
  int64_t low;
  int64_t high;
  const char* meaning;
};

constexpr TextField kTextFields[] = {
    {"data", &InferenceConfig::data_folder, "folder of the appliance's data"},
    {"models_folder", &InferenceConfig::models_folder, "folder of the model files"},
    {"listen", &InferenceConfig::listen,
     "HOST:PORT of the internal gRPC port; port 0: any free one"},
    {"chat_model", &InferenceConfig::chat_model, "default chat model, in the models folder"},
    {"embedding_model", &InferenceConfig::embedding_model,
     "embedding model, in the models folder; empty: none"},
    {"import_folder", &InferenceConfig::import_folder,
     "'hadal model import' reads models below this folder; empty: DATA/import"},
    {"kv_cache_dtype", &InferenceConfig::kv_cache_dtype,
     "numbers of the KV caches: f32, f16, bf16 or int8 (half the memory of f16, "
     "docs/measurements/kv-cache.md)"},
};
constexpr NumberField kNumberFields[] = {
    {"threads", &InferenceConfig::threads, 0, 1024, "compute threads; 0: one per core it may use"},
    {"memory_budget_mib", &InferenceConfig::memory_budget_mib, 0, int64_t{1} << 30,
     "weights, KV caches and buffers of all models, MiB; 0: memory of the machine or its cgroup"},
    {"kv_cache_mib", &InferenceConfig::kv_cache_mib, 1, int64_t{1} << 24,
     "KV cache of each chat model, MiB"},
    {"block_size", &InferenceConfig::block_size, 1, 1024, "tokens of one KV block"},
    {"max_running", &InferenceConfig::max_running, 1, 4096, "generations in one batch"},
    {"max_waiting", &InferenceConfig::max_waiting, 1, 1 << 20, "generations that may wait"},
    {"max_batch_tokens", &InferenceConfig::max_batch_tokens, 1, 1 << 20,
     "tokens of one step, at least max_running; longer prompts run in chunks"},
    {"speculation_rows", &InferenceConfig::speculation_rows, 0, 4096,
     "guessed tokens fill steps of fewer generations up to so many rows; 0: no guesses"},
    {"expanded_prefill", &InferenceConfig::expanded_prefill, 0, 1 << 20,
     "latent attention expands keys and values in chunks of so many prompt tokens, whole KV "
     "blocks; pays from 512 on, with as many max_batch_tokens; 0: never"},
    {"stream_capacity", &InferenceConfig::stream_capacity, 1, 1 << 20,
     "pieces a slow reader may lag behind before it is cut off"},
    {"ranks", &InferenceConfig::ranks, 0, 4096,
     "processes that share each chat model, started by mpirun or srun; 0: this one alone"},
    {"expert_parallel", &InferenceConfig::expert_parallel, 0, 4096,
     "ranks that hold one copy of all experts; 1: experts are cut like other layers; 0: all ranks"},
    {"rank_timeout_s", &InferenceConfig::rank_timeout_s, 1, 86400,
     "a rank that is silent for so many seconds is given up, and the ranks end"},
    {"redundant_experts", &InferenceConfig::redundant_experts, 0, 4096,
     "experts a rank holds beside its share of each layer, replicas of those that many tokens "
     "choose"},
    {"rebalance_tokens", &InferenceConfig::rebalance_tokens, 0, int64_t{1} << 40,
     "every so many tokens experts may move to ranks with less load, while all runs; 0: never"},
    {"rank_nodes", &InferenceConfig::rank_nodes, 0, 4096,
     "machines the ranks are on, equally many on each; 0: by the machines' names"},
    {"max_calls", &InferenceConfig::max_calls, 8, 1 << 16, "gRPC calls at once"},
};

/// What stays of a name without an ending such as "-q4_k_m", ".Q8_0", "-bf16" or "-iq2_xs".
std::string_view WithoutQuantisation(std::string_view name) {
  const size_t cut = name.find_last_of("-.");
  if (cut == std::string_view::npos || cut == 0) return name;
  std::string suffix(name.substr(cut + 1));
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::set<std::string, std::less<>> kFloats = {"f16",  "f32",  "bf16",
                                                             "fp16", "fp32", "fp8"};
  std::string_view digits = suffix;
  if (digits.starts_with("iq")) digits.remove_prefix(1);
  const bool quantised = digits.size() >= 2 && digits[0] == 'q' && std::isdigit(digits[1]) != 0 &&
                         (digits.size() == 2 || digits[2] == '_');
  return quantised || kFloats.contains(suffix) ? name.substr(0, cut) : name;
}

Status WrongType(std::string_view key, std::string_view expected) {
  return InvalidArgument("{} must be {}", key, expected);
}

StatusOr<ModelEntry> ReadModelEntry(const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return WrongType("models", "a list of [[inference.models]] tables");
  ModelEntry entry;
  for (const auto& [key, value] : *table) {
    const auto text = value.value<std::string>();
    if (!text) return WrongType(fmt::format("models.{}", std::string(key.str())), "a string");
    if (key == "id") {
      entry.id = *text;
    } else if (key == "path") {
      entry.path = *text;
    } else if (key == "kind" && (*text == "chat" || *text == "embedding")) {
      entry.kind = *text == "chat" ? ModelKind::kChat : ModelKind::kEmbedding;
    } else if (key == "kind") {
      return WrongType("models.kind", "\"chat\" or \"embedding\"");
    } else {
      return InvalidArgument("unknown key models.{}; there are id, path, kind",
                             std::string(key.str()));
    }
  }
  if (entry.path.empty()) return InvalidArgument("a [[inference.models]] table has no path");
  return entry;
}

Status ReadKey(std::string_view key, const toml::node& node, InferenceConfig& config) {
  for (const TextField& field : kTextFields) {
    if (key != field.key) continue;
    const auto text = node.value<std::string>();
    if (!text) return WrongType(key, "a string");
    config.*field.member = *text;
    return OkStatus();
  }
  for (const NumberField& field : kNumberFields) {
    if (key != field.key) continue;
    if (!node.is_integer()) return WrongType(key, "a whole number");
    config.*field.member = *node.value<int64_t>();
    return OkStatus();
  }
  if (key != "models") return InvalidArgument("unknown key {}", key);
  const toml::array* list = node.as_array();
  if (list == nullptr) return WrongType(key, "a list of [[inference.models]] tables");
  for (const toml::node& item : *list) {
    ASSIGN_OR_RETURN(ModelEntry entry, ReadModelEntry(item));
    config.models.push_back(std::move(entry));
  }
  return OkStatus();
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

Status ApplyToml(std::string_view text, InferenceConfig& config) {
  ASSIGN_OR_RETURN(const toml::table table, config::ServiceTable(text, "inference"));
  for (const auto& [key, node] : table) {
    RETURN_IF_ERROR(ReadKey(std::string_view(key.str()), node, config));
  }
  return OkStatus();
}

Status ReadConfigFile(const std::string& path, InferenceConfig& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  return Annotate(ApplyToml(text, config), path);
}

Status ValidateConfig(const InferenceConfig& config) {
  if (config.data_folder.empty()) {
    return InvalidArgument("no data folder is given; use --data DIR");
  }
  if (config.models_folder.empty()) {
    return InvalidArgument("no models folder is given; use --models DIR");
  }
  if (config.chat_model.empty()) return InvalidArgument("chat_model is empty; name a model file");
  RETURN_IF_ERROR(
      Annotate(inference::ParseKvDtype(config.kv_cache_dtype).status(), "kv_cache_dtype"));
  for (const NumberField& field : kNumberFields) {
    const int64_t value = config.*field.member;
    if (value < field.low || value > field.high) {
      return InvalidArgument("{} is {}; it must be {} to {}", field.key, value, field.low,
                             field.high);
    }
  }
  if (config.max_batch_tokens < config.max_running) {
    return InvalidArgument("max_batch_tokens is {}, less than max_running {}",
                           config.max_batch_tokens, config.max_running);
  }
  return OkStatus();
}

std::string FormatConfig(const InferenceConfig& config) {
  std::string text = "[inference]\n";
  for (const TextField& field : kTextFields) {
    text += fmt::format("# {}\n{} = {}\n", field.meaning, field.key, Quoted(config.*field.member));
  }
  for (const NumberField& field : kNumberFields) {
    text += fmt::format("# {} ({} to {})\n{} = {}\n", field.meaning, field.low, field.high,
                        field.key, config.*field.member);
  }
  for (const ModelEntry& model : config.models) {
    text += fmt::format("[[inference.models]]\nid = {}\npath = {}\nkind = {}\n", Quoted(model.id),
                        Quoted(model.path),
                        model.kind == ModelKind::kChat ? "\"chat\"" : "\"embedding\"");
  }
  return text;
}

StatusOr<std::vector<ModelEntry>> ModelsToServe(const InferenceConfig& config) {
  std::vector<ModelEntry> entries = {{"", config.chat_model, ModelKind::kChat}};
  if (!config.embedding_model.empty()) {
    entries.push_back({"", config.embedding_model, ModelKind::kEmbedding});
  }
  entries.insert(entries.end(), config.models.begin(), config.models.end());
  std::set<std::string> ids;
  for (ModelEntry& entry : entries) {
    if (entry.id.empty()) entry.id = ModelIdFromPath(entry.path);
    if (!entry.path.starts_with('/')) entry.path = config.models_folder + "/" + entry.path;
    if (!ids.insert(entry.id).second) {
      return InvalidArgument("two models have the id {}; give one another id in [[models]]",
                             entry.id);
    }
  }
  return entries;
}

std::string ImportFolderOf(const InferenceConfig& config) {
  return config.import_folder.empty() ? config.data_folder + "/import" : config.import_folder;
}

std::string ModelIdFromPath(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (const size_t slash = path.rfind('/'); slash != std::string_view::npos) {
    path.remove_prefix(slash + 1);
  }
  if (path.ends_with(".gguf")) path.remove_suffix(5);
  return std::string(WithoutQuantisation(path));
}

inference::EngineOptions EngineOptionsOf(const InferenceConfig& config) {
  inference::EngineOptions options;
  options.kv_cache_bytes = config.kv_cache_mib << 20;
  options.kv_dtype = *inference::ParseKvDtype(config.kv_cache_dtype);
  options.block_size = static_cast<int32_t>(config.block_size);
  options.max_running = static_cast<int32_t>(config.max_running);
  options.max_waiting = static_cast<int32_t>(config.max_waiting);
  options.max_batch_tokens = static_cast<int32_t>(config.max_batch_tokens);
  options.speculation_rows = static_cast<int32_t>(config.speculation_rows);
  options.expanded_prefill = static_cast<int32_t>(config.expanded_prefill);
  options.stream_capacity = static_cast<int32_t>(config.stream_capacity);
  return options;
}

}  // namespace hadal::inference_service
