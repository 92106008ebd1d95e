#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {

/// Metadata of one architecture of a GGUF file, keys "ARCHITECTURE.key". Errors name file and key.
/// Refers to the file. Thread-safe.
class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  bool Has(std::string_view key) const { return file_.metadata().contains(Full(key)); }

  StatusOr<int32_t> Int(std::string_view key, int32_t low = 0, int32_t high = INT32_MAX) const {
    ASSIGN_OR_RETURN(const int64_t value, file_.GetInt(Full(key)));
    RETURN_IF_ERROR(CheckRange<int64_t>(key, value, low, high));
    return static_cast<int32_t>(value);
  }
  StatusOr<int32_t> IntOr(std::string_view key, int32_t fallback, int32_t low = 0,
                          int32_t high = INT32_MAX) const {
    return Has(key) ? Int(key, low, high) : StatusOr<int32_t>(fallback);
  }
  StatusOr<float> Float(std::string_view key) const {
    ASSIGN_OR_RETURN(const double value, file_.GetFloat(Full(key)));
    return static_cast<float>(value);
  }
  StatusOr<double> FloatOr(std::string_view key, double fallback, double low, double high) const {
    if (!Has(key)) return fallback;
    ASSIGN_OR_RETURN(const double value, file_.GetFloat(Full(key)));
    RETURN_IF_ERROR(CheckRange(key, value, low, high));
    return value;
  }
  StatusOr<bool> BoolOr(std::string_view key, bool fallback) const {
    return Has(key) ? file_.GetBool(Full(key)) : StatusOr<bool>(fallback);
  }
  StatusOr<std::string> StringOr(std::string_view key, std::string_view fallback) const {
    return Has(key) ? file_.GetString(Full(key)) : StatusOr<std::string>(std::string(fallback));
  }

  template <typename Number>
  Status CheckRange(std::string_view key, Number value, Number low, Number high) const {
    if (value >= low && value <= high) return OkStatus();  // false for NaN
    return InvalidArgument("{}: metadata key \"{}\" is {}, expected {}..{}", path(), Full(key),
                           value, low, high);
  }

  std::string Full(std::string_view key) const { return prefix_ + std::string(key); }
  const std::string& path() const { return file_.path(); }

 private:
  const GgufFile& file_;
  const std::string prefix_;
};

}  // namespace hadal::inference
