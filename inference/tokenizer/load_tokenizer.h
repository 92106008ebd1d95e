#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/tokenizer.h"

namespace hadal::inference {

/// From the text of a Hugging Face tokenizer.json. INVALID_ARGUMENT naming the part of it that is
/// damaged, or asks for a step we do not have. `path` goes into messages. `end_tokens`: ids that
/// end a generation beside those the pieces tell.
StatusOr<std::shared_ptr<const Tokenizer>> ParseTokenizerJson(
    const std::string& text, const std::string& path, std::vector<int32_t> end_tokens = {});

}  // namespace hadal::inference
