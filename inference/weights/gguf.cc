#include "inference/weights/gguf.h"

namespace hadal::inference {

GgmlTypeTraits TraitsOf(GgmlType type) {
  switch (type) {
    case GgmlType::kF32: return {1, 4, "F32"};
    case GgmlType::kF16: return {1, 2, "F16"};
    case GgmlType::kBF16: return {1, 2, "BF16"};
    case GgmlType::kF8E4M3: return {1, 1, "F8_E4M3"};
    case GgmlType::kI8: return {1, 1, "I8"};
    case GgmlType::kI16: return {1, 2, "I16"};
    case GgmlType::kI32: return {1, 4, "I32"};
    case GgmlType::kQ4_0: return {32, 18, "Q4_0"};
    case GgmlType::kQ4_1: return {32, 20, "Q4_1"};
    case GgmlType::kQ5_0: return {32, 22, "Q5_0"};
    case GgmlType::kQ5_1: return {32, 24, "Q5_1"};
    case GgmlType::kQ8_0: return {32, 34, "Q8_0"};
    case GgmlType::kQ4_K: return {256, 144, "Q4_K"};
    case GgmlType::kQ5_K: return {256, 176, "Q5_K"};
    case GgmlType::kQ6_K: return {256, 210, "Q6_K"};
  }
  return {0, 0, "unknown"};
}

int64_t GgufTensor::num_values() const {
  int64_t count = 1;
  for (int64_t dim : shape) count *= dim;  // the parser has checked that this fits
  return count;
}

const GgufTensor* GgufFile::FindTensor(std::string_view name) const {
  auto it = tensor_index_.find(std::string(name));
  return it == tensor_index_.end() ? nullptr : &tensors_[it->second];
}

namespace {

Status MissingKey(std::string_view key, const std::string& path) {
  return NotFound("{}: metadata key \"{}\" is missing; convert the model again", path, key);
}

Status WrongType(std::string_view key, std::string_view expected, const std::string& path) {
  return InvalidArgument("{}: metadata key \"{}\" is not {}; convert the model again", path, key,
                         expected);
}

template <typename T>
const T* FindAs(const std::unordered_map<std::string, GgufFile::Value>& metadata,
                std::string_view key) {
  auto it = metadata.find(std::string(key));
  return it == metadata.end() ? nullptr : std::get_if<T>(&it->second);
}

}  // namespace

StatusOr<std::string> GgufFile::GetString(std::string_view key) const {
  if (!metadata_.contains(std::string(key))) return MissingKey(key, path());
  const auto* value = FindAs<std::string>(metadata_, key);
  if (value == nullptr) return WrongType(key, "a string", path());
  return *value;
}

StatusOr<int64_t> GgufFile::GetInt(std::string_view key) const {
  if (!metadata_.contains(std::string(key))) return MissingKey(key, path());
  if (const auto* value = FindAs<int64_t>(metadata_, key)) return *value;
  const auto* value = FindAs<uint64_t>(metadata_, key);
  if (value == nullptr || *value > static_cast<uint64_t>(INT64_MAX)) {
    return WrongType(key, "an integer of 63 bits", path());
  }
  return static_cast<int64_t>(*value);
}

StatusOr<double> GgufFile::GetFloat(std::string_view key) const {
  if (!metadata_.contains(std::string(key))) return MissingKey(key, path());
  if (const auto* value = FindAs<double>(metadata_, key)) return *value;
  if (const auto* value = FindAs<int64_t>(metadata_, key)) return static_cast<double>(*value);
  if (const auto* value = FindAs<uint64_t>(metadata_, key)) return static_cast<double>(*value);
  return WrongType(key, "a number", path());
}

StatusOr<bool> GgufFile::GetBool(std::string_view key) const {
  if (!metadata_.contains(std::string(key))) return MissingKey(key, path());
  const auto* value = FindAs<bool>(metadata_, key);
  if (value == nullptr) return WrongType(key, "a boolean", path());
  return *value;
}

const std::vector<std::string>* GgufFile::FindStrings(std::string_view key) const {
  return FindAs<std::vector<std::string>>(metadata_, key);
}

const std::vector<int64_t>* GgufFile::FindInts(std::string_view key) const {
  return FindAs<std::vector<int64_t>>(metadata_, key);
}

const std::vector<float>* GgufFile::FindFloats(std::string_view key) const {
  return FindAs<std::vector<float>>(metadata_, key);
}

}  // namespace hadal::inference
