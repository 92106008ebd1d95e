// Reads the header of a GGUF file: nothing in it is trusted. Every length is compared with the
// bytes that are left before anything is allocated, so a hostile file costs at most a small
// multiple of its own size.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/utf8.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {
namespace {

constexpr uint64_t kMaxMetadataKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 18;         // DeepSeek-V3 with one tensor per expert: 91,991
constexpr uint64_t kMaxKeyBytes = 65535;          // the specification's limit
constexpr uint64_t kMaxTensorNameBytes = 256;  // the specification says 64; some writers exceed it
constexpr uint64_t kMaxDims = 4;
constexpr uint64_t kMaxArrayValues = uint64_t{1} << 22;       // vocabularies and merges: < 2^20
constexpr uint64_t kMaxAllArrayValues = uint64_t{1} << 24;    // of the file together
constexpr uint64_t kMaxAlignment = 1 << 20;
constexpr uint64_t kMaxDim = uint64_t{1} << 40;

enum ValueType : uint32_t {
  kUint8 = 0, kInt8, kUint16, kInt16, kUint32, kInt32, kFloat32, kBool, kString, kArray,
  kUint64, kInt64, kFloat64,
};

// False when a * b does not fit 63 bits.
bool CheckedMultiply(uint64_t a, uint64_t b, uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product) && product <= static_cast<uint64_t>(INT64_MAX);
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && IsValidUtf8(name) &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

class GgufParser {
 public:
  explicit GgufParser(GgufFile& file) : file_(file), bytes_(file.file_->bytes()) {}

  Status Parse() {
    RETURN_IF_ERROR(ParseHeader());
    for (uint64_t i = 0; i < num_keys_; ++i) RETURN_IF_ERROR(ParseKeyValue());
    RETURN_IF_ERROR(ReadAlignment());
    for (uint64_t i = 0; i < num_tensors_; ++i) RETURN_IF_ERROR(ParseTensorInfo());
    return PlaceTensors();
  }

 private:
  template <typename... Args>
  Status Error(uint64_t offset, fmt::format_string<Args...> format, Args&&... args) const {
    return InvalidArgument(
        "{}: at byte {}: {}; the file is damaged or not a GGUF file, copy it again", file_.path(),
        offset, fmt::format(format, std::forward<Args>(args)...));
  }

  uint64_t left() const { return bytes_.size() - pos_; }

  template <typename T>
  StatusOr<T> Read(std::string_view what) {
    if (left() < sizeof(T)) {
      return Error(pos_, "expected {} bytes of {}, found {}", sizeof(T), what, left());
    }
    T value;
    std::memcpy(&value, bytes_.data() + pos_, sizeof(T));
    pos_ += sizeof(T);
    return value;
  }

  StatusOr<std::string_view> ReadString(std::string_view what, uint64_t limit) {
    const uint64_t at = pos_;
    ASSIGN_OR_RETURN(const uint64_t length, Read<uint64_t>(what));
    if (length > limit) {
      return Error(at, "{} is {} bytes long, at most {} are allowed", what, length, limit);
    }
    if (length > left()) {
      return Error(at, "{} is {} bytes long, only {} are left", what, length, left());
    }
    std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + pos_, length);
    pos_ += length;
    return text;
  }

  Status ParseHeader() {
    ASSIGN_OR_RETURN(const uint32_t magic, Read<uint32_t>("magic"));
    if (magic != 0x46554747) {
      return Error(0, "expected the magic \"GGUF\", found 0x{:08x}", magic);
    }
    ASSIGN_OR_RETURN(const uint32_t version, Read<uint32_t>("version"));
    if (version != 2 && version != 3) {
      return Error(4, "expected version 2 or 3 (little endian), found {}", version);
    }
    ASSIGN_OR_RETURN(num_tensors_, Read<uint64_t>("tensor count"));
    if (num_tensors_ > kMaxTensors) {
      return Error(8, "{} tensors, at most {} are allowed", num_tensors_, kMaxTensors);
    }
    ASSIGN_OR_RETURN(num_keys_, Read<uint64_t>("metadata count"));
    if (num_keys_ > kMaxMetadataKeys) {
      return Error(16, "{} metadata keys, at most {} are allowed", num_keys_, kMaxMetadataKeys);
    }
    return OkStatus();
  }

  Status ParseKeyValue() {
    const uint64_t at = pos_;
    ASSIGN_OR_RETURN(const std::string_view key, ReadString("metadata key", kMaxKeyBytes));
    if (!IsPlainName(key)) return Error(at, "a metadata key is empty or not printable UTF-8");
    ASSIGN_OR_RETURN(const uint32_t type, Read<uint32_t>("metadata type"));
    ASSIGN_OR_RETURN(GgufFile::Value value,
                     type == kArray ? ReadArray(key) : ReadScalar(type, key));
    if (!file_.metadata_.emplace(std::string(key), std::move(value)).second) {
      return Error(at, "metadata key \"{}\" stands there twice", key);
    }
    return OkStatus();
  }

  template <typename T, typename Wide>
  StatusOr<GgufFile::Value> ReadNumber(std::string_view key) {
    ASSIGN_OR_RETURN(const T value, Read<T>(key));
    return GgufFile::Value(static_cast<Wide>(value));
  }

  StatusOr<GgufFile::Value> ReadScalar(uint32_t type, std::string_view key) {
    switch (type) {
      case kUint8: return ReadNumber<uint8_t, uint64_t>(key);
      case kInt8: return ReadNumber<int8_t, int64_t>(key);
      case kUint16: return ReadNumber<uint16_t, uint64_t>(key);
      case kInt16: return ReadNumber<int16_t, int64_t>(key);
      case kUint32: return ReadNumber<uint32_t, uint64_t>(key);
      case kInt32: return ReadNumber<int32_t, int64_t>(key);
      case kUint64: return ReadNumber<uint64_t, uint64_t>(key);
      case kInt64: return ReadNumber<int64_t, int64_t>(key);
      case kFloat32: return ReadNumber<float, double>(key);
      case kFloat64: return ReadNumber<double, double>(key);
      case kBool: {
        ASSIGN_OR_RETURN(const uint8_t value, Read<uint8_t>(key));
        if (value > 1) return Error(pos_ - 1, "{}: a boolean is 0 or 1, found {}", key, value);
        return GgufFile::Value(value == 1);
      }
      case kString: {
        ASSIGN_OR_RETURN(const std::string_view text, ReadString(key, bytes_.size()));
        return GgufFile::Value(std::string(text));
      }
      default:
        return Error(pos_ - 4, "{}: value type {} is not one of GGUF's 0..12", key, type);
    }
  }

  template <typename T, typename Wide>
  StatusOr<GgufFile::Value> ReadNumbers(uint64_t count, std::string_view key) {
    if (count > left() / sizeof(T)) {
      return Error(pos_, "{}: {} values of {} bytes announced, only {} bytes are left", key, count,
                   sizeof(T), left());
    }
    std::vector<Wide> values(count);
    for (Wide& out : values) {
      T value;
      std::memcpy(&value, bytes_.data() + pos_, sizeof(T));
      pos_ += sizeof(T);
      if constexpr (std::is_same_v<T, uint64_t>) {
        if (value > static_cast<uint64_t>(INT64_MAX)) {
          return Error(pos_ - 8, "{}: {} does not fit 63 bits", key, value);
        }
      }
      out = static_cast<Wide>(value);
    }
    return GgufFile::Value(std::move(values));
  }

  StatusOr<GgufFile::Value> ReadStrings(uint64_t count, std::string_view key) {
    if (count > left() / sizeof(uint64_t)) {
      return Error(pos_, "{}: {} strings announced, only {} bytes are left", key, count, left());
    }
    std::vector<std::string> values;
    values.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const std::string_view text, ReadString(key, bytes_.size()));
      values.emplace_back(text);
    }
    return GgufFile::Value(std::move(values));
  }

  StatusOr<GgufFile::Value> ReadArray(std::string_view key) {
    const uint64_t at = pos_;
    ASSIGN_OR_RETURN(const uint32_t type, Read<uint32_t>(key));
    ASSIGN_OR_RETURN(const uint64_t count, Read<uint64_t>(key));
    if (count > kMaxArrayValues || array_values_ + count > kMaxAllArrayValues) {
      return Error(at, "{}: {} array values, at most {} (and {} in all arrays) are allowed", key,
                   count, kMaxArrayValues, kMaxAllArrayValues);
    }
    array_values_ += count;
    switch (type) {
      case kUint8: case kBool: return ReadNumbers<uint8_t, int64_t>(count, key);
      case kInt8: return ReadNumbers<int8_t, int64_t>(count, key);
      case kUint16: return ReadNumbers<uint16_t, int64_t>(count, key);
      case kInt16: return ReadNumbers<int16_t, int64_t>(count, key);
      case kUint32: return ReadNumbers<uint32_t, int64_t>(count, key);
      case kInt32: return ReadNumbers<int32_t, int64_t>(count, key);
      case kUint64: return ReadNumbers<uint64_t, int64_t>(count, key);
      case kInt64: return ReadNumbers<int64_t, int64_t>(count, key);
      case kFloat32: return ReadNumbers<float, float>(count, key);
      case kFloat64: return ReadNumbers<double, float>(count, key);
      case kString: return ReadStrings(count, key);
      case kArray: return Error(at, "{}: arrays of arrays are not supported", key);
      default: return Error(at, "{}: array type {} is not one of GGUF's 0..12", key, type);
    }
  }

  Status ReadAlignment() {
    if (!file_.metadata_.contains("general.alignment")) return OkStatus();
    ASSIGN_OR_RETURN(const int64_t value, file_.GetInt("general.alignment"));
    if (value < 8 || value > static_cast<int64_t>(kMaxAlignment) || (value & (value - 1)) != 0) {
      return Error(pos_, "general.alignment is {}, expected a power of two in 8..{}", value,
                   kMaxAlignment);
    }
    alignment_ = static_cast<uint64_t>(value);
    return OkStatus();
  }

  Status ParseTensorInfo() {
    const uint64_t at = pos_;
    ASSIGN_OR_RETURN(const std::string_view name, ReadString("tensor name", kMaxTensorNameBytes));
    if (!IsPlainName(name)) return Error(at, "a tensor name is empty or not printable UTF-8");
    ASSIGN_OR_RETURN(const uint32_t dims, Read<uint32_t>("dimension count"));
    if (dims < 1 || dims > kMaxDims) {
      return Error(pos_ - 4, "{} has {} dimensions, expected 1..{}", name, dims, kMaxDims);
    }
    GgufTensor tensor;
    tensor.name = name;
    tensor.shape.resize(dims);
    uint64_t values = 1;
    for (uint32_t i = 0; i < dims; ++i) {
      ASSIGN_OR_RETURN(const uint64_t dim, Read<uint64_t>("dimension"));
      if (dim < 1 || dim > kMaxDim || !CheckedMultiply(values, dim, values)) {
        return Error(pos_ - 8, "{}: dimension {} is {}, expected 1..{} and a product below 2^63",
                     name, i, dim, kMaxDim);
      }
      tensor.shape[dims - 1 - i] = static_cast<int64_t>(dim);
    }
    ASSIGN_OR_RETURN(const uint32_t type, Read<uint32_t>("tensor type"));
    tensor.type = static_cast<GgmlType>(type);
    const GgmlTypeTraits traits = TraitsOf(tensor.type);
    if (traits.block_values == 0 || tensor.type == GgmlType::kF8E4M3) {
      return Error(
          pos_ - 4,
          "{} has tensor type {}, supported are F32 F16 BF16 I8 I16 I32 Q4_0 Q4_1 Q5_0 Q5_1 "
          "Q8_0 Q4_K Q5_K Q6_K",
          name, type);
    }
    if (tensor.shape.back() % traits.block_values != 0) {
      return Error(at, "{}: rows of {} values are not whole {} blocks of {}", name,
                   tensor.shape.back(), traits.name, traits.block_values);
    }
    ASSIGN_OR_RETURN(const uint64_t offset, Read<uint64_t>("tensor offset"));
    uint64_t size = 0;
    if (!CheckedMultiply(values / traits.block_values, traits.block_bytes, size) ||
        size > bytes_.size()) {
      return Error(at, "{} needs more bytes than the file's {}", name, bytes_.size());
    }
    if (offset % alignment_ != 0) {
      return Error(pos_ - 8, "{}: offset {} is not a multiple of the alignment {}", name, offset,
                   alignment_);
    }
    if (!file_.tensor_index_.emplace(tensor.name, file_.tensors_.size()).second) {
      return Error(at, "tensor {} stands there twice", name);
    }
    file_.tensors_.push_back(std::move(tensor));
    placements_.push_back({offset, size, file_.tensors_.size() - 1});
    return OkStatus();
  }

  // The data section starts at the next multiple of the alignment; offsets count from there.
  Status PlaceTensors() {
    const uint64_t start = (pos_ + alignment_ - 1) / alignment_ * alignment_;
    std::sort(placements_.begin(), placements_.end(),
              [](const Placement& a, const Placement& b) { return a.offset < b.offset; });
    uint64_t previous_end = 0;
    const std::string* previous_name = nullptr;
    for (const Placement& placement : placements_) {
      GgufTensor& tensor = file_.tensors_[placement.index];
      if (start > bytes_.size() || placement.offset > bytes_.size() - start ||
          placement.size > bytes_.size() - start - placement.offset) {
        return Error(start, "{} lies at data offset {} with {} bytes, past the file's end at {}",
                     tensor.name, placement.offset, placement.size, bytes_.size());
      }
      if (placement.offset < previous_end) {
        return Error(start + placement.offset, "{} overlaps {}", tensor.name, *previous_name);
      }
      previous_end = placement.offset + placement.size;
      previous_name = &tensor.name;
      tensor.data = bytes_.subspan(start + placement.offset, placement.size);
    }
    return OkStatus();
  }

  struct Placement {
    uint64_t offset;
    uint64_t size;
    size_t index;
  };

  GgufFile& file_;
  const absl::Span<const uint8_t> bytes_;
  uint64_t pos_ = 0;
  uint64_t num_tensors_ = 0;
  uint64_t num_keys_ = 0;
  uint64_t alignment_ = 32;  // the specification's default
  uint64_t array_values_ = 0;
  std::vector<Placement> placements_;
};

StatusOr<std::unique_ptr<GgufFile>> GgufFile::Open(const std::string& path) {
  std::unique_ptr<GgufFile> file(new GgufFile());
  ASSIGN_OR_RETURN(file->file_, MappedFile::Open(path));
  RETURN_IF_ERROR(GgufParser(*file).Parse());
  return file;
}

}  // namespace hadal::inference
