#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "inference/weights/safetensors.h"

namespace hadal::inference {

/// The values of tensor `name` of `file`, of its own type T; none when there is no such tensor.
template <typename T>
std::vector<T> Values(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsEntry* entry = file.Find(name);
  if (entry == nullptr) return {};
  std::vector<T> values(entry->data.size() / sizeof(T));
  std::memcpy(values.data(), entry->data.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace hadal::inference
