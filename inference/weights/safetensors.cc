#include "inference/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace hadal::inference {
namespace {

// The reference implementation's limit; DeepSeek-V3's largest shard header is below 1 MB.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxTensors = 1 << 18;
constexpr size_t kMaxDims = 8;
constexpr size_t kMaxNameBytes = 512;

struct TypeName {
  const char* name;
  SafetensorsType type;
  int bytes;
};
constexpr TypeName kTypes[] = {
    {"F32", SafetensorsType::kF32, 4},         {"F16", SafetensorsType::kF16, 2},
    {"BF16", SafetensorsType::kBF16, 2},       {"F64", SafetensorsType::kF64, 8},
    {"F8_E4M3", SafetensorsType::kF8E4M3, 1},  {"F8_E5M2", SafetensorsType::kF8E5M2, 1},
    {"I64", SafetensorsType::kI64, 8},         {"I32", SafetensorsType::kI32, 4},
    {"I16", SafetensorsType::kI16, 2},         {"I8", SafetensorsType::kI8, 1},
    {"U64", SafetensorsType::kU64, 8},         {"U32", SafetensorsType::kU32, 4},
    {"U16", SafetensorsType::kU16, 2},         {"U8", SafetensorsType::kU8, 1},
    {"BOOL", SafetensorsType::kBool, 1}};

const TypeName& Describe(SafetensorsType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes),
                       [type](const TypeName& entry) { return entry.type == type; });
}

struct RawEntry {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;
  bool has_shape = false;
};

// Takes exactly {"name": {"dtype": s, "shape": [n...], "data_offsets": [b, e]}, "__metadata__":
// {s: s}} and stops at anything else, so nesting and size stay bounded. The DOM is not used because
// it would keep the last of two equal keys in silence.
class HeaderHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<RawEntry> entries;
  std::string error;

  bool null() override { return Fail("null"); }
  bool boolean(bool) override { return Fail("a boolean"); }
  bool number_integer(number_integer_t) override { return Fail("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return Fail("a fraction"); }
  bool binary(binary_t&) override { return Fail("binary"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr) return Fail("a number");
    if (list_->size() >= kMaxDims) return Fail("a list that is too long");
    list_->push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ != 2 || list_ != nullptr) return Fail("a string");
    if (in_metadata_) return true;
    if (key_ != "dtype" || !entries.back().dtype.empty()) return Fail("a string for " + key_);
    entries.back().dtype = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (list_ != nullptr || depth_ >= 2) return Fail("an object inside " + key_);
    ++depth_;
    if (depth_ == 2 && !in_metadata_) entries.push_back({std::move(key_), {}, {}, {}});
    return true;
  }

  bool key(string_t& value) override {
    if (value.size() > kMaxNameBytes) return Fail("a key of more than 512 bytes");
    key_ = value;
    if (depth_ == 1) {
      in_metadata_ = value == "__metadata__";
      if (entries.size() >= kMaxTensors) return Fail("too many tensors");
    }
    return true;
  }

  bool end_object() override {
    --depth_;
    in_metadata_ = false;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || list_ != nullptr || in_metadata_) return Fail("a list");
    RawEntry& entry = entries.back();
    if (key_ == "shape" && !entry.has_shape) {
      entry.has_shape = true;
      list_ = &entry.shape;
      return true;
    }
    if (key_ == "data_offsets" && entry.offsets.empty()) {
      list_ = &entry.offsets;
      return true;
    }
    return Fail("a list for " + key_);
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    if (error.empty()) error = fmt::format("JSON syntax error at header byte {}", position);
    return false;
  }

 private:
  bool Fail(const std::string& what) {
    error = fmt::format("the header has {} where none belongs", what.substr(0, 100));
    return false;
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string key_;
  std::vector<uint64_t>* list_ = nullptr;  // points into entries.back(), which stays put meanwhile
};

Status Damaged(const std::string& path, std::string_view what) {
  return InvalidArgument("{}: {}; the file is damaged or not safetensors, copy it again", path,
                         what);
}

StatusOr<SafetensorsEntry> Check(const std::string& path, RawEntry raw,
                                 absl::Span<const uint8_t> data) {
  SafetensorsEntry entry;
  entry.name = std::move(raw.name);
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&raw](const TypeName& t) {
    return raw.dtype == t.name;
  });
  if (type == std::end(kTypes)) {
    return Damaged(path, fmt::format("{} has the unknown dtype \"{}\"", entry.name,
                                     raw.dtype.substr(0, 32)));
  }
  entry.type = type->type;
  if (!raw.has_shape || raw.offsets.size() != 2) {
    return Damaged(path, fmt::format("{} lacks \"shape\" or two \"data_offsets\"", entry.name));
  }
  uint64_t bytes = static_cast<uint64_t>(type->bytes);
  for (uint64_t dim : raw.shape) {
    if (dim > static_cast<uint64_t>(INT64_MAX) || __builtin_mul_overflow(bytes, dim, &bytes)) {
      return Damaged(path, fmt::format("{}: the product of its dimensions overflows", entry.name));
    }
    entry.shape.push_back(static_cast<int64_t>(dim));
  }
  const uint64_t begin = raw.offsets[0];
  const uint64_t end = raw.offsets[1];
  if (begin > end || end > data.size()) {
    return Damaged(path, fmt::format("{}: data_offsets [{}, {}] are not inside the {} data bytes",
                                     entry.name, begin, end, data.size()));
  }
  if (end - begin != bytes) {
    return Damaged(path, fmt::format("{}: data_offsets hold {} bytes, dtype and shape need {}",
                                     entry.name, end - begin, bytes));
  }
  entry.data = data.subspan(begin, bytes);
  return entry;
}

}  // namespace

int64_t BytesOf(SafetensorsType type) { return Describe(type).bytes; }
const char* NameOf(SafetensorsType type) { return Describe(type).name; }

StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile());
  ASSIGN_OR_RETURN(file->file_, MappedFile::Open(path));
  const absl::Span<const uint8_t> bytes = file->file_->bytes();
  if (bytes.size() < 8) {
    return Damaged(path, fmt::format("expected 8 bytes of header length, found {}", bytes.size()));
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8) {
    return Damaged(path, fmt::format("the header length {} exceeds the file ({} bytes) or {}",
                                     header_bytes, bytes.size(), kMaxHeaderBytes));
  }
  const char* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  HeaderHandler handler;
  if (!nlohmann::json::sax_parse(text, text + header_bytes, &handler)) {
    return Damaged(path, handler.error);
  }
  const absl::Span<const uint8_t> data = bytes.subspan(8 + header_bytes);
  for (RawEntry& raw : handler.entries) {
    ASSIGN_OR_RETURN(SafetensorsEntry entry, Check(path, std::move(raw), data));
    file->entries_.push_back(std::move(entry));
  }
  auto& entries = file->entries_;
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.data.data() < b.data.data(); });
  const uint8_t* previous_end = nullptr;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.data.empty()) continue;
    if (previous_end != nullptr && entry.data.data() < previous_end) {
      return Damaged(path, fmt::format("{} overlaps another tensor", entry.name));
    }
    previous_end = entry.data.data() + entry.data.size();
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].name == entries[i - 1].name) {
      return Damaged(path, fmt::format("tensor {} stands there twice", entries[i].name));
    }
  }
  return file;
}

const SafetensorsEntry* SafetensorsFile::Find(std::string_view name) const {
  auto it = std::lower_bound(
      entries_.begin(), entries_.end(), name,
      [](const SafetensorsEntry& entry, std::string_view key) { return entry.name < key; });
  return it == entries_.end() || it->name != name ? nullptr : &*it;
}

Status WriteSafetensors(const std::string& path, const std::vector<SafetensorsTensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    uint64_t bytes = static_cast<uint64_t>(BytesOf(tensor.type));
    for (int64_t dim : tensor.shape) bytes *= static_cast<uint64_t>(dim);
    if (bytes != tensor.bytes.size()) {
      return InvalidArgument("{}: {} has {} bytes, its shape needs {}", path, tensor.name,
                             tensor.bytes.size(), bytes);
    }
    header[tensor.name] = {{"dtype", NameOf(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string content(8, '\0');
  const uint64_t header_bytes = text.size();
  std::memcpy(content.data(), &header_bytes, 8);
  content += text;
  content.reserve(content.size() + offset);
  for (const SafetensorsTensor& tensor : tensors) content += tensor.bytes;
  return WriteFileAtomic(path, content);
}

}  // namespace hadal::inference
