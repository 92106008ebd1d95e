#include "services/gateway/http/response_format.h"

#include <optional>

#include "services/gateway/http/json_fields.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "response_format";
constexpr char kRegex[] = "hadal.guided_regex";

Status ParseJsonSchema(const json& format, std::string_view text,
                       internal::v1::Constraint& constraint) {
  const json* described = FindMember(format, "json_schema");
  if (described == nullptr || !described->is_object()) {
    return BadParam(kFormat, "expected json_schema to be an object");
  }
  ASSIGN_OR_RETURN(const auto name, StringMember(*described, "name"));
  if (!name.has_value() || name->empty()) {
    return BadParam(kFormat, "json_schema.name is missing");
  }
  RETURN_IF_ERROR(BoolMember(*described, "strict").status());
  const json* schema = FindMember(*described, "schema");
  if (schema == nullptr || !schema->is_object()) {
    return BadParam(kFormat, "expected json_schema.schema to be an object");
  }
  // Once more, this time with members in the order they were sent: it is the order of the answer.
  const auto ordered = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  constraint.set_json_schema(ordered.at(kFormat).at("json_schema").at("schema").dump());
  return OkStatus();
}

}  // namespace

StatusOr<std::string> ParseResponseFormat(const json& body, std::string_view text,
                                          internal::v1::GenerateRequest& request) {
  std::string param;
  if (const json* format = FindMember(body, kFormat); format != nullptr) {
    if (!format->is_object()) return BadParam(kFormat, "expected an object");
    ASSIGN_OR_RETURN(const auto type, StringMember(*format, "type"));
    if (type == "json_object") {
      request.mutable_constraint()->set_json_object(true);
      param = kFormat;
    } else if (type == "json_schema") {
      RETURN_IF_ERROR(ParseJsonSchema(*format, text, *request.mutable_constraint()));
      param = kFormat;
    } else if (type != "text") {
      return BadParam(kFormat, "expected the type text, json_object or json_schema");
    }
  }
  const json* extension = FindMember(body, "hadal");
  if (extension == nullptr) return param;
  ASSIGN_OR_RETURN(const auto regex, StringMember(*extension, "guided_regex"));
  if (!regex.has_value()) return param;
  if (!param.empty()) return BadParam(kRegex, "cannot be combined with response_format");
  request.mutable_constraint()->set_regex(*regex);
  return kRegex;
}

}  // namespace hadal::gateway
