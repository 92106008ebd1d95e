#pragma once

#include "base/status.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/config_fields.h"
#include "inference/weights/gguf_keys.h"

namespace hadal::inference {

/// The experts of a config.json of "qwen2_moe" (Qwen1.5-MoE-A2.7B, Qwen2-57B-A14B), where layers
/// with experts and dense ones may alternate. INVALID_ARGUMENT naming the field.
Status ReadQwen2Moe(const ConfigFields& fields, MoeConfig& moe);

/// The same of a GGUF file of architecture "qwen2moe"; config.architecture becomes "qwen2_moe".
/// INVALID_ARGUMENT naming the key. Source: llama.cpp's conversion of these models.
Status ReadGgufQwen2Moe(const GgufKeys& keys, ModelConfig& config);

}  // namespace hadal::inference
