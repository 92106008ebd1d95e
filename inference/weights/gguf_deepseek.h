#pragma once

#include <string>

#include "base/status.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/gguf_keys.h"

namespace hadal::inference {

/// Latent attention, experts, gate and YaRN of a GGUF file of architecture "deepseek2" into
/// `config`, whose other fields are read; its architecture becomes "deepseek_v2" or "deepseek_v3",
/// by the gate. INVALID_ARGUMENT naming the key. Source: llama.cpp's conversion of these models.
Status ReadGgufDeepseek(const GgufKeys& keys, ModelConfig& config);

/// Adds each expert of a stacked tensor ("blk.3.ffn_gate_exps.weight" [experts, rows, cols]) as a
/// matrix of its own ("blk.3.ffn_gate.7.weight"), and so each head of attn_k_b and attn_v_b
/// ("blk.3.attn_k_b.7.weight"). The stacked tensors go. INVALID_ARGUMENT naming the tensor.
Status SplitStackedWeights(const std::string& path, Weights& weights);

}  // namespace hadal::inference
