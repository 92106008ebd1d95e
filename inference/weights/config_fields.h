#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::inference {

/// Fields of one JSON object of a model's config.json. Every error names the file and the field,
/// what was expected and what was found. The object and the path outlive the reader.
class ConfigFields {
 public:
  ConfigFields(const nlohmann::json& object, std::string_view path)
      : object_(object), path_(path) {}

  bool Has(const char* field) const {
    auto it = object_.find(field);
    return it != object_.end() && !it->is_null();
  }

  StatusOr<int32_t> Int(const char* field) const {
    auto it = object_.find(field);
    if (it == object_.end()) return Missing(field);
    if (!it->is_number_integer()) return Wrong(field, *it, "an integer");
    const int64_t value = it->is_number_unsigned() && it->get<uint64_t>() > INT32_MAX
                              ? int64_t{-1}
                              : it->get<int64_t>();
    if (value < 0 || value > INT32_MAX) return Wrong(field, *it, "an integer in 0..2^31-1");
    return static_cast<int32_t>(value);
  }
  StatusOr<int32_t> IntOr(const char* field, int32_t fallback) const {
    return Has(field) ? Int(field) : StatusOr<int32_t>(fallback);
  }

  StatusOr<double> Float(const char* field) const {
    auto it = object_.find(field);
    if (it == object_.end()) return Missing(field);
    if (!it->is_number() || !std::isfinite(it->get<double>())) return Wrong(field, *it, "a number");
    return it->get<double>();
  }
  StatusOr<double> FloatOr(const char* field, double fallback) const {
    return Has(field) ? Float(field) : StatusOr<double>(fallback);
  }

  StatusOr<bool> BoolOr(const char* field, bool fallback) const {
    if (!Has(field)) return fallback;
    const nlohmann::json& value = object_.at(field);
    if (!value.is_boolean()) return Wrong(field, value, "true or false");
    return value.get<bool>();
  }

  StatusOr<std::string> StringOr(const char* field, std::string_view fallback) const {
    if (!Has(field)) return std::string(fallback);
    const nlohmann::json& value = object_.at(field);
    if (!value.is_string()) return Wrong(field, value, "a string");
    return value.get<std::string>();
  }

  Status Expect(const char* field, std::string_view expected) const {
    ASSIGN_OR_RETURN(const std::string value, StringOr(field, expected));
    if (value == expected) return OkStatus();
    return InvalidArgument("{}: \"{}\" is \"{}\", only \"{}\" is supported", path_, field, value,
                           expected);
  }

  Status ExpectFalse(const char* field) const {
    ASSIGN_OR_RETURN(const bool value, BoolOr(field, false));
    if (!value) return OkStatus();
    return InvalidArgument("{}: \"{}\" is true, only false is supported", path_, field);
  }

  /// INVALID_ARGUMENT naming `field`, its value and what was expected.
  Status Wrong(const char* field, const nlohmann::json& value, std::string_view expected) const {
    std::string found =
        value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 80);
    return InvalidArgument("{}: field \"{}\" is {}, expected {}", path_, field, found, expected);
  }
  /// INVALID_ARGUMENT naming `field` unless `value` is in [low, high].
  template <typename Number>
  Status CheckRange(const char* field, Number value, Number low, Number high) const {
    if (value >= low && value <= high) return OkStatus();
    return InvalidArgument("{}: field \"{}\" is {}, expected {}..{}", path_, field, value, low,
                           high);
  }
  StatusOr<int32_t> IntIn(const char* field, int32_t low, int32_t high) const {
    ASSIGN_OR_RETURN(const int32_t value, Int(field));
    RETURN_IF_ERROR(CheckRange(field, value, low, high));
    return value;
  }
  StatusOr<double> FloatIn(const char* field, double low, double high) const {
    ASSIGN_OR_RETURN(const double value, Float(field));
    RETURN_IF_ERROR(CheckRange(field, value, low, high));
    return value;
  }

  const nlohmann::json& object() const { return object_; }
  std::string_view path() const { return path_; }

 private:
  Status Missing(const char* field) const {
    return InvalidArgument("{}: field \"{}\" is missing; take config.json from the model again",
                           path_, field);
  }

  const nlohmann::json& object_;
  const std::string_view path_;
};

}  // namespace hadal::inference
