#include "inference/weights/generation_config.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "inference/weights/config_fields.h"

namespace hadal::inference {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxEndTokens = 64;

}  // namespace

StatusOr<GenerationConfig> ReadGenerationConfig(const std::string& path) {
  GenerationConfig config;
  const std::string file = path + "/generation_config.json";
  struct stat info;
  if (::stat(file.c_str(), &info) != 0) return config;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxBytes));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidArgument("{}: expected a JSON object", file);
  const ConfigFields fields(json, file);
  if (!fields.Has("eos_token_id")) return config;
  const nlohmann::json& value = json.at("eos_token_id");
  const nlohmann::json ids = value.is_array() ? value : nlohmann::json::array({value});
  for (const nlohmann::json& id : ids) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX || ids.size() > kMaxEndTokens) {
      return fields.Wrong("eos_token_id", value, "a token id, or a list of up to 64");
    }
    config.end_tokens.push_back(id.get<int32_t>());
  }
  return config;
}

}  // namespace hadal::inference
