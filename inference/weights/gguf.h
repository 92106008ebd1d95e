#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal::inference {

/// ggml tensor types with their numbers in the file format.
enum class GgmlType : uint32_t {
  kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ4_1 = 3, kQ5_0 = 6, kQ5_1 = 7, kQ8_0 = 8,
  kQ4_K = 12, kQ5_K = 13, kQ6_K = 14, kI8 = 24, kI16 = 25, kI32 = 26, kBF16 = 30,
  kF8E4M3 = 0x10000,  ///< in no GGUF file: 128 x 128 block-scaled weights of a Hugging Face folder
};

/// Values and bytes of one block of `type`; {0, 0} when the type is not supported.
struct GgmlTypeTraits {
  int32_t block_values;
  int32_t block_bytes;
  const char* name;
};
GgmlTypeTraits TraitsOf(GgmlType type);

/// A tensor inside the mapped file. shape is row-major, outermost dimension first (the reverse of
/// ggml's ne): a weight matrix is [out_features, in_features].
struct GgufTensor {
  std::string name;
  GgmlType type;
  std::vector<int64_t> shape;
  absl::Span<const uint8_t> data;
  int64_t num_values() const;
};

/// A GGUF v2/v3 file, memory mapped. Trusts no length, offset, count or nesting in it; every
/// tensor's bytes are inside the file. Thread-safe (const after Open).
/// Source: the GGUF specification of the ggml project (docs/gguf.md).
class GgufFile {
 public:
  using Value = std::variant<uint64_t, int64_t, double, bool, std::string, std::vector<std::string>,
                             std::vector<int64_t>, std::vector<float>>;

  /// INVALID_ARGUMENT with the offset and what was expected there.
  static StatusOr<std::unique_ptr<GgufFile>> Open(const std::string& path);

  const std::unordered_map<std::string, Value>& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* FindTensor(std::string_view name) const;  ///< nullptr when absent

  /// NOT_FOUND when the key is absent, INVALID_ARGUMENT when its type is another.
  StatusOr<std::string> GetString(std::string_view key) const;
  StatusOr<int64_t> GetInt(std::string_view key) const;
  StatusOr<double> GetFloat(std::string_view key) const;  ///< integers widen
  StatusOr<bool> GetBool(std::string_view key) const;
  /// nullptr when absent or of another type.
  const std::vector<std::string>* FindStrings(std::string_view key) const;
  const std::vector<int64_t>* FindInts(std::string_view key) const;
  const std::vector<float>* FindFloats(std::string_view key) const;

  const std::string& path() const { return file_->path(); }
  size_t size_bytes() const { return file_->bytes().size(); }
  Status CheckStillThere() const { return file_->CheckStillThere(); }
  void Forget(absl::Span<const uint8_t> part) const { file_->Forget(part); }

 private:
  friend class GgufParser;
  GgufFile() = default;
  std::unique_ptr<MappedFile> file_;
  std::unordered_map<std::string, Value> metadata_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, size_t> tensor_index_;
};

}  // namespace hadal::inference
