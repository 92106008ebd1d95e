#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "hadal/v1/models.pb.h"

namespace hadal::gateway {

struct EmbeddingsRequest {
  v1::EmbedRequest embed;
  bool base64 = false;
  int64_t dimensions = 0;  ///< 0: not asked for
};

struct EmbeddingsLimits {
  int32_t max_inputs = 2048;
};

/// INVALID_ARGUMENT with the parameter at fault. Inputs are a string or a list of strings; lists of
/// token numbers are refused: they would be numbers of another tokenizer.
StatusOr<EmbeddingsRequest> ParseEmbeddingsRequest(std::string_view body,
                                                   const EmbeddingsLimits& limits);

/// The response object; vectors as numbers, or as base64 of little-endian float32.
std::string EmbeddingsBody(const v1::EmbedResponse& response, const std::string& model,
                           bool base64);

}  // namespace hadal::gateway
