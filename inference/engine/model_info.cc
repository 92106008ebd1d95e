#include "inference/model_info.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "inference/weights/checkpoint.h"

namespace hadal::inference {
namespace {

int64_t SizeOnDisk(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<int64_t>(size);
  }
  int64_t total = 0;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != ".safetensors") continue;
    const auto size = it->file_size(error);
    if (!error) total += static_cast<int64_t>(size);
  }
  return total;
}

}  // namespace

StatusOr<ModelInfo> DescribeModel(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(path));
  const ModelConfig& config = checkpoint->config();
  ModelInfo info;
  info.architecture = config.architecture;
  info.embedding = config.architecture == "bert";
  info.chat_template = config.chat_template;
  info.size_bytes = SizeOnDisk(path);
  info.context_length = config.context_length;
  info.vocabulary = config.vocabulary;
  info.hidden_dim = config.hidden_dim;
  std::map<std::string, int32_t> tensors_by_type;
  for (const std::string& name : checkpoint->names()) {
    const Weight& weight = *checkpoint->Find(name);
    int64_t values = 1;
    for (int64_t size : weight.shape) values *= size;
    info.parameters += values;
    ++tensors_by_type[TraitsOf(weight.type).name];
  }
  std::string types;
  for (const auto& [type, count] : tensors_by_type) {
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, type);
  }
  info.details = {{"layers", fmt::to_string(config.num_layers)},
                  {"heads", fmt::to_string(config.num_heads)},
                  {"kv_heads", fmt::to_string(config.num_kv_heads)},
                  {"head_dim", fmt::to_string(config.head_dim)},
                  {"hidden_dim", fmt::to_string(config.hidden_dim)},
                  {"ffn_dim", fmt::to_string(config.ffn_dim)},
                  {"tensors", types}};
  return info;
}

}  // namespace hadal::inference
