// config.json of a Hugging Face folder. Only fields that change the arithmetic are read; a value
// that asks for arithmetic we do not have is refused by name instead of being ignored.
#include <nlohmann/json.hpp>

#include "inference/weights/config_fields.h"
#include "inference/weights/deepseek_config.h"
#include "inference/weights/model_config.h"
#include "inference/weights/qwen2_moe_config.h"

namespace hadal::inference {
namespace {

using Json = nlohmann::json;

// transformers 5 writes rope_parameters (with rope_theta inside), before it was rope_scaling.
Status ReadRope(const ConfigFields& fields, std::string_view path, ModelConfig& config) {
  const char* scaling_field = fields.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  double theta = 0;
  ASSIGN_OR_RETURN(theta, fields.FloatOr("rope_theta", 10000.0));
  if (!fields.Has(scaling_field)) {
    config.rope_theta = static_cast<float>(theta);
    return OkStatus();
  }
  const Json& object = fields.object().at(scaling_field);
  if (!object.is_object()) {
    return InvalidArgument("{}: field \"{}\" is not an object", path, scaling_field);
  }
  const ConfigFields scaling(object, path);
  ASSIGN_OR_RETURN(theta, scaling.FloatOr("rope_theta", theta));
  config.rope_theta = static_cast<float>(theta);
  ASSIGN_OR_RETURN(std::string type, scaling.StringOr("type", "default"));
  ASSIGN_OR_RETURN(type, scaling.StringOr("rope_type", type));
  if (type == "default") return OkStatus();
  if (type != "llama3") {
    return InvalidArgument("{}: \"{}.rope_type\" is \"{}\", supported are default and llama3", path,
                           scaling_field, type);
  }
  Llama3Scaling llama3;
  ASSIGN_OR_RETURN(llama3.factor, scaling.Float("factor"));
  ASSIGN_OR_RETURN(llama3.low_freq_factor, scaling.Float("low_freq_factor"));
  ASSIGN_OR_RETURN(llama3.high_freq_factor, scaling.Float("high_freq_factor"));
  ASSIGN_OR_RETURN(llama3.original_context, scaling.Float("original_max_position_embeddings"));
  if (llama3.factor < 1 || llama3.low_freq_factor <= 0 || llama3.original_context < 1 ||
      llama3.high_freq_factor <= llama3.low_freq_factor) {
    return InvalidArgument(
        "{}: \"{}\" needs factor >= 1 and 0 < low_freq_factor < high_freq_factor", path,
        scaling_field);
  }
  if (config.head_dim < 1 || config.head_dim > 1024) return OkStatus();  // refused by validation
  config.rope_freq_factors = Llama3FreqFactors(llama3, theta, config.head_dim);
  return OkStatus();
}

StatusOr<ModelConfig> ReadDecoder(const ConfigFields& fields, std::string_view path,
                                  std::string architecture) {
  ModelConfig config;
  config.architecture = std::move(architecture);
  ASSIGN_OR_RETURN(config.num_kv_heads, fields.IntOr("num_key_value_heads", 0));
  ASSIGN_OR_RETURN(config.num_heads, fields.Int("num_attention_heads"));
  if (config.num_kv_heads == 0) config.num_kv_heads = config.num_heads;
  ASSIGN_OR_RETURN(config.hidden_dim, fields.Int("hidden_size"));
  const int32_t default_head = config.num_heads > 0 ? config.hidden_dim / config.num_heads : 0;
  ASSIGN_OR_RETURN(config.head_dim, fields.IntOr("head_dim", default_head));
  ASSIGN_OR_RETURN(const double eps, fields.FloatOr("rms_norm_eps", 1e-6));
  config.norm_eps = static_cast<float>(eps);
  ASSIGN_OR_RETURN(config.tied_embeddings, fields.BoolOr("tie_word_embeddings", false));
  RETURN_IF_ERROR(fields.Expect("hidden_act", "silu"));
  RETURN_IF_ERROR(fields.ExpectFalse("use_sliding_window"));
  if (config.architecture == "llama") {
    RETURN_IF_ERROR(fields.ExpectFalse("attention_bias"));
    RETURN_IF_ERROR(fields.ExpectFalse("mlp_bias"));
  }
  if (config.architecture == "qwen2_moe") RETURN_IF_ERROR(ReadQwen2Moe(fields, config.moe));
  RETURN_IF_ERROR(ReadRope(fields, path, config));
  return config;
}

StatusOr<ModelConfig> ReadEncoder(const ConfigFields& fields, bool xlm_roberta) {
  ModelConfig config;
  config.architecture = "bert";
  ASSIGN_OR_RETURN(config.num_heads, fields.Int("num_attention_heads"));
  config.num_kv_heads = config.num_heads;
  ASSIGN_OR_RETURN(config.hidden_dim, fields.Int("hidden_size"));
  config.head_dim = config.num_heads > 0 ? config.hidden_dim / config.num_heads : 0;
  ASSIGN_OR_RETURN(const double eps, fields.FloatOr("layer_norm_eps", 1e-12));
  config.norm_eps = static_cast<float>(eps);
  RETURN_IF_ERROR(fields.Expect("hidden_act", "gelu"));
  RETURN_IF_ERROR(fields.Expect("position_embedding_type", "absolute"));
  // XLM-R counts positions from padding_idx + 1 (transformers, create_position_ids_from_input_ids).
  if (xlm_roberta) {
    ASSIGN_OR_RETURN(const int32_t padding, fields.IntOr("pad_token_id", 1));
    if (padding > 15) return InvalidArgument("\"pad_token_id\" is {}, expected 0..15", padding);
    config.position_offset = padding + 1;
  }
  return config;
}

}  // namespace

StatusOr<ModelConfig> ParseHfConfig(std::string_view json_text, std::string_view path) {
  const Json json = Json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidArgument("{}: expected a JSON object", path);
  const ConfigFields fields(json, path);
  ASSIGN_OR_RETURN(const std::string type, fields.StringOr("model_type", ""));
  ModelConfig config;
  if (type == "qwen2" || type == "qwen2_moe" || type == "llama") {
    ASSIGN_OR_RETURN(config, ReadDecoder(fields, path, type));
  } else if (type == "bert" || type == "xlm-roberta") {
    ASSIGN_OR_RETURN(config, ReadEncoder(fields, type == "xlm-roberta"));
  } else if (type == "deepseek_v2" || type == "deepseek_v3") {
    ASSIGN_OR_RETURN(config, ReadDeepseekConfig(fields, type));
  } else {
    return Unimplemented("{}: \"model_type\" is \"{}\", supported are qwen2, qwen2_moe, llama, "
                         "deepseek_v2, deepseek_v3, bert, xlm-roberta",
                         path, type);
  }
  if (config.mla.kv_lora_rank == 0 && json.contains("quantization_config") &&
      !json.at("quantization_config").is_null()) {
    return InvalidArgument(
        "{}: \"quantization_config\" is not supported; use the unquantised "
        "checkpoint or a GGUF file",
        path);
  }
  ASSIGN_OR_RETURN(config.num_layers, fields.Int("num_hidden_layers"));
  ASSIGN_OR_RETURN(config.ffn_dim, fields.Int("intermediate_size"));
  ASSIGN_OR_RETURN(config.vocabulary, fields.Int("vocab_size"));
  ASSIGN_OR_RETURN(config.context_length, fields.Int("max_position_embeddings"));
  config.context_length -= config.position_offset;
  RETURN_IF_ERROR(ValidateModelConfig(config, path));
  return config;
}

}  // namespace hadal::inference
