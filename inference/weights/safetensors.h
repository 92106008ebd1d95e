#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal::inference {

enum class SafetensorsType { kF32, kF16, kBF16, kF64, kF8E4M3, kF8E5M2, kI64, kI32, kI16, kI8, kU64,
                             kU32, kU16, kU8, kBool };

struct SafetensorsEntry {
  std::string name;
  SafetensorsType type;
  std::vector<int64_t> shape;      ///< row-major, outermost first; empty for a scalar
  absl::Span<const uint8_t> data;  ///< any alignment
};

int64_t BytesOf(SafetensorsType type);
const char* NameOf(SafetensorsType type);

/// A safetensors file, memory mapped. Every tensor's bytes are inside the file, its length is that
/// of its shape, no two overlap and no name is there twice. Thread-safe (const after Open).
/// Source: https://huggingface.co/docs/safetensors (format section).
class SafetensorsFile {
 public:
  /// INVALID_ARGUMENT with what was expected and found.
  static StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }  ///< sorted by name
  const SafetensorsEntry* Find(std::string_view name) const;                ///< nullptr when absent
  const std::string& path() const { return file_->path(); }
  Status CheckStillThere() const { return file_->CheckStillThere(); }
  void Forget(absl::Span<const uint8_t> part) const { file_->Forget(part); }

 private:
  SafetensorsFile() = default;
  std::unique_ptr<MappedFile> file_;
  std::vector<SafetensorsEntry> entries_;
};

/// One tensor to write.
struct SafetensorsTensor {
  std::string name;
  SafetensorsType type;
  std::vector<int64_t> shape;
  std::string bytes;
};

/// Writes a safetensors file atomically, tensors in the given order. INVALID_ARGUMENT when a
/// tensor's bytes do not fit its shape.
Status WriteSafetensors(const std::string& path, const std::vector<SafetensorsTensor>& tensors);

}  // namespace hadal::inference
