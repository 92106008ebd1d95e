#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"

namespace hadal::gateway {

/// What a chat completion's text must look like: OpenAI's response_format, or the extension
/// hadal.guided_regex. `body` is `text`, parsed. Sets `constraint`, or leaves it as it is when the
/// text is free, and returns the parameter to name when the engine refuses it. Only the form is
/// checked here: the schema and the expression are the engine's to read. `strict` makes no
/// difference: a schema is always kept. INVALID_ARGUMENT with the parameter at fault. Included by
/// .cc files only.
StatusOr<std::string> ParseResponseFormat(const nlohmann::json& body, std::string_view text,
                                          internal::v1::GenerateRequest& request);

}  // namespace hadal::gateway
