#include "services/gateway/http/embeddings_json.h"

#include <bit>
#include <utility>

#include "absl/strings/escaping.h"
#include "services/gateway/http/json_fields.h"
#include "services/gateway/http/strict_json.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

Status AddInputs(const json& body, const EmbeddingsLimits& limits, v1::EmbedRequest& embed) {
  const json* input = FindMember(body, "input");
  if (input == nullptr) return BadParam("input", "is missing");
  const json inputs = input->is_array() ? *input : json::array({*input});
  if (inputs.empty()) return BadParam("input", "is an empty list");
  if (inputs.size() > static_cast<size_t>(limits.max_inputs)) {
    return BadParam("input", fmt::format("more than {} texts", limits.max_inputs));
  }
  for (const json& text : inputs) {
    if (!text.is_string()) {
      return BadParam("input",
                      "expected a string or a list of strings; token numbers are not "
                      "taken, since every model here has a tokenizer of its own");
    }
    const std::string value = text.get<std::string>();
    if (value.empty()) return BadParam("input", "an empty text cannot be embedded");
    embed.add_texts(value);
  }
  return OkStatus();
}

Status ApplyExtension(const json& body, v1::EmbedRequest& embed) {
  const json* extension = FindMember(body, "hadal");
  if (extension == nullptr) return OkStatus();
  if (!extension->is_object()) return BadParam("hadal", "expected an object");
  ASSIGN_OR_RETURN(const auto kind, StringMember(*extension, "kind"));
  if (!kind.has_value()) return OkStatus();
  if (*kind == "query") {
    embed.set_kind(v1::EMBED_KIND_QUERY);
  } else if (*kind == "passage") {
    embed.set_kind(v1::EMBED_KIND_PASSAGE);
  } else {
    return BadParam("hadal.kind", "expected query or passage");
  }
  return OkStatus();
}

std::string LittleEndianFloats(const v1::Vector& vector) {
  std::string bytes;
  bytes.reserve(static_cast<size_t>(vector.values_size()) * 4);
  for (const float value : vector.values()) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>((bits >> shift) & 0xff));
    }
  }
  return bytes;
}

json VectorJson(const v1::Vector& vector, bool base64) {
  if (base64) return std::string(absl::Base64Escape(LittleEndianFloats(vector)));
  json values = json::array();
  for (const float value : vector.values()) values.push_back(value);
  return values;
}

}  // namespace

StatusOr<EmbeddingsRequest> ParseEmbeddingsRequest(std::string_view text,
                                                   const EmbeddingsLimits& limits) {
  ASSIGN_OR_RETURN(const json body, ParseJsonObject(text));
  EmbeddingsRequest request;
  ASSIGN_OR_RETURN(const auto model, StringMember(body, "model"));
  if (!model.has_value() || model->empty()) return BadParam("model", "is missing");
  request.embed.set_model(*model);
  RETURN_IF_ERROR(AddInputs(body, limits, request.embed));
  ASSIGN_OR_RETURN(const auto format, StringMember(body, "encoding_format"));
  if (format.value_or("float") != "float" && *format != "base64") {
    return BadParam("encoding_format", "expected float or base64");
  }
  request.base64 = format.has_value() && *format == "base64";
  ASSIGN_OR_RETURN(const auto dimensions, IntMember(body, "dimensions", 1, 1 << 20));
  request.dimensions = dimensions.value_or(0);
  RETURN_IF_ERROR(ApplyExtension(body, request.embed));
  return request;
}

std::string EmbeddingsBody(const v1::EmbedResponse& response, const std::string& model,
                           bool base64) {
  json data = json::array();
  for (int i = 0; i < response.vectors_size(); ++i) {
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", VectorJson(response.vectors(i), base64)}});
  }
  const json body = {
      {"object", "list"},
      {"data", std::move(data)},
      {"model", model},
      {"usage", {{"prompt_tokens", response.tokens()}, {"total_tokens", response.tokens()}}}};
  return body.dump();
}

}  // namespace hadal::gateway
