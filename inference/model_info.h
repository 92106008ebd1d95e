#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace hadal::inference {

/// What a model is, for lists of models. Numbers it does not have are 0.
struct ModelInfo {
  std::string architecture;
  bool embedding = false;  ///< an encoder; else a chat model
  int64_t parameters = 0;
  int64_t size_bytes = 0;  ///< of the file, or of a folder's weight files
  int32_t context_length = 0;
  int32_t vocabulary = 0;
  int32_t hidden_dim = 0;
  std::string chat_template;  ///< jinja text as in the file; empty: it has none
  std::map<std::string, std::string> details;  ///< layers, heads, tensor types, ...
};

/// Reads the header of the model at `path` (GGUF file or Hugging Face folder). Errors are those of
/// opening it.
StatusOr<ModelInfo> DescribeModel(const std::string& path);

}  // namespace hadal::inference
