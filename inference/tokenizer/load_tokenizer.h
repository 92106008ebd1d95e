#pragma once

#include <memory>
#include <string>

#include "inference/tokenizer.h"

namespace hadal::inference {

/// From the text of a Hugging Face tokenizer.json. INVALID_ARGUMENT naming the part of it that is
/// damaged, or asks for a step we do not have. `path` goes into messages.
StatusOr<std::shared_ptr<const Tokenizer>> ParseTokenizerJson(const std::string& text,
                                                              const std::string& path);

}  // namespace hadal::inference
