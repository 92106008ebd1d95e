#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// Writes GGUF bytes for tests, well-formed or not: it checks nothing.
namespace hadal::inference::testing {

class GgufWriter {
 public:
  GgufWriter& Key(std::string_view key, uint32_t type) {
    ++num_keys_;
    String(keys_, key);
    Raw(keys_, type);
    return *this;
  }
  GgufWriter& Text(std::string_view key, std::string_view value) {
    Key(key, 8);
    String(keys_, value);
    return *this;
  }
  GgufWriter& U32(std::string_view key, uint32_t value) {
    Key(key, 4);
    Raw(keys_, value);
    return *this;
  }
  GgufWriter& F32(std::string_view key, float value) {
    Key(key, 6);
    Raw(keys_, value);
    return *this;
  }
  GgufWriter& Array(std::string_view key, uint32_t type, uint64_t count) {
    Key(key, 9);
    Raw(keys_, type);
    Raw(keys_, count);
    return *this;
  }
  GgufWriter& Strings(std::string_view key, const std::vector<std::string>& values) {
    Array(key, 8, values.size());
    for (const auto& value : values) String(keys_, value);
    return *this;
  }
  template <typename T>
  GgufWriter& Append(T value) {
    Raw(keys_, value);
    return *this;
  }
  /// ne: ggml's order, innermost first.
  GgufWriter& Tensor(std::string_view name, const std::vector<uint64_t>& ne, uint32_t type,
                     uint64_t offset) {
    ++num_tensors_;
    String(infos_, name);
    Raw(infos_, static_cast<uint32_t>(ne.size()));
    for (uint64_t n : ne) Raw(infos_, n);
    Raw(infos_, type);
    Raw(infos_, offset);
    return *this;
  }
  GgufWriter& Data(std::string bytes) {
    data_ = std::move(bytes);
    return *this;
  }

  std::string Bytes(uint32_t version = 3) const {
    std::string out = "GGUF";
    Raw(out, version);
    Raw(out, num_tensors_);
    Raw(out, num_keys_);
    out += keys_ + infos_;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data_;
  }

 private:
  template <typename T>
  static void Raw(std::string& out, T value) {
    static_assert(std::is_arithmetic_v<T>);
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void String(std::string& out, std::string_view text) {
    Raw(out, static_cast<uint64_t>(text.size()));
    out += text;
  }

  uint64_t num_keys_ = 0;
  uint64_t num_tensors_ = 0;
  std::string keys_;
  std::string infos_;
  std::string data_;
};

}  // namespace hadal::inference::testing
