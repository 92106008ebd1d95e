#include "services/gateway/http/json_fields.h"

#include "services/gateway/http/http_types.h"

namespace hadal::gateway {

Status BadParam(const std::string& param, const std::string& problem) {
  return WithDetail(InvalidArgument("{}: {}", param, problem),
                    {.param = param, .code = "invalid_value"});
}

const nlohmann::json* FindMember(const nlohmann::json& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

StatusOr<std::optional<std::string>> StringMember(const nlohmann::json& object,
                                                  const std::string& name) {
  const nlohmann::json* member = FindMember(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return BadParam(name, "expected a string");
  return member->get<std::string>();
}

StatusOr<std::optional<bool>> BoolMember(const nlohmann::json& object, const std::string& name) {
  const nlohmann::json* member = FindMember(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_boolean()) return BadParam(name, "expected true or false");
  return member->get<bool>();
}

StatusOr<std::optional<int64_t>> IntMember(const nlohmann::json& object, const std::string& name,
                                           int64_t least, int64_t most) {
  const nlohmann::json* member = FindMember(object, name);
  if (member == nullptr) return std::nullopt;
  const std::string expected = fmt::format("expected an integer within {} and {}", least, most);
  if (!member->is_number_integer()) return BadParam(name, expected);
  // An unsigned value above int64's range would wrap in get<int64_t>().
  const bool huge = member->is_number_unsigned() && member->get<uint64_t>() > uint64_t{INT64_MAX};
  if (huge || member->get<int64_t>() < least || member->get<int64_t>() > most) {
    return BadParam(name, expected + ", got " + member->dump());
  }
  return member->get<int64_t>();
}

StatusOr<std::optional<double>> NumberMember(const nlohmann::json& object, const std::string& name,
                                             double least, double most) {
  const nlohmann::json* member = FindMember(object, name);
  if (member == nullptr) return std::nullopt;
  const std::string expected = fmt::format("expected a number within {} and {}", least, most);
  if (!member->is_number()) return BadParam(name, expected);
  const double value = member->get<double>();
  if (!(value >= least && value <= most)) {
    return BadParam(name, expected + ", got " + member->dump());
  }
  return value;
}

}  // namespace hadal::gateway
