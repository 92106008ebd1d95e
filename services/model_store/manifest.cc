#include "services/model_store/manifest.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/utf8.h"

namespace hadal::model_store {
namespace {

using Json = nlohmann::json;

constexpr int64_t kFormat = 1;
constexpr size_t kMaxManifestBytes = 4 << 20;
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxIdBytes = 100;
constexpr int64_t kMaxFileBytes = int64_t{1} << 50;

bool IsNameCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

/// A plain name, or one below a folder; never hidden, so never ".." and never the store's own.
bool IsFileName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || !IsValidUtf8(name)) return false;
  if (std::count(name.begin(), name.end(), '/') > 1 || name.ends_with('/')) return false;
  if (name.find('\0') != std::string_view::npos || name == kManifestName) return false;
  return name.front() != '.' && name.front() != '/' && name.find("/.") == std::string_view::npos;
}

bool IsDigest(std::string_view text) {
  return text.size() == 2 * auth::kSha256Bytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The members of one JSON object, each asked for once; what nobody asked for is refused.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  StatusOr<std::string> Text(const char* name, size_t max_bytes) {
    ASSIGN_OR_RETURN(const Json* value, Member(name));
    if (!value->is_string() || value->get_ref<const std::string&>().size() > max_bytes) {
      return Wrong(name, fmt::format("a text of at most {} bytes", max_bytes));
    }
    return value->get<std::string>();
  }

  StatusOr<int64_t> Number(const char* name, int64_t low, int64_t high) {
    ASSIGN_OR_RETURN(const Json* value, Member(name));
    const bool fits = value->is_number_unsigned()
                          ? value->get<uint64_t>() <= static_cast<uint64_t>(high)
                          : value->is_number_integer();
    if (!fits || value->get<int64_t>() < low || value->get<int64_t>() > high) {
      return Wrong(name, fmt::format("a whole number of {} to {}", low, high));
    }
    return value->get<int64_t>();
  }

  StatusOr<std::string> Digest(const char* name, bool may_be_empty = false) {
    ASSIGN_OR_RETURN(std::string text, Text(name, 2 * auth::kSha256Bytes));
    if (IsDigest(text) || (may_be_empty && text.empty())) return text;
    return Wrong(name, "64 digits of lower-case hexadecimal");
  }

  StatusOr<const Json*> Member(const char* name) {
    known_.insert(name);
    const auto it = object_.find(name);
    if (it == object_.end()) return InvalidArgument("{}{} is missing", where_, name);
    return &*it;
  }

  Status Wrong(const char* name, std::string_view expected) const {
    return InvalidArgument("{}{} must be {}", where_, name, expected);
  }

  Status NothingElse() const {
    for (const auto& [name, value] : object_.items()) {
      if (!known_.contains(name)) return InvalidArgument("{}{} is unknown", where_, name);
    }
    return OkStatus();
  }

 private:
  const Json& object_;
  const std::string where_;
  std::set<std::string, std::less<>> known_;
};

StatusOr<ManifestFile> ParseFile(const Json& json, size_t index) {
  const std::string where = fmt::format("files[{}].", index);
  if (!json.is_object()) return InvalidArgument("{} must be an object", where);
  Fields fields(json, where);
  ManifestFile file;
  ASSIGN_OR_RETURN(file.name, fields.Text("name", kMaxNameBytes));
  if (!IsFileName(file.name)) {
    return fields.Wrong("name", "the name of a file in the model's folder, not hidden");
  }
  ASSIGN_OR_RETURN(file.size_bytes, fields.Number("size_bytes", 0, kMaxFileBytes));
  ASSIGN_OR_RETURN(file.sha256, fields.Digest("sha256"));
  RETURN_IF_ERROR(fields.NothingElse());
  return file;
}

StatusOr<std::vector<ManifestFile>> ParseFiles(Fields& fields) {
  ASSIGN_OR_RETURN(const Json* list, fields.Member("files"));
  if (!list->is_array() || list->empty() || list->size() > kMaxModelFiles) {
    return fields.Wrong("files", fmt::format("a list of 1 to {} files", kMaxModelFiles));
  }
  std::vector<ManifestFile> files;
  for (size_t i = 0; i < list->size(); ++i) {
    ASSIGN_OR_RETURN(ManifestFile file, ParseFile((*list)[i], i));
    if (!files.empty() && file.name <= files.back().name) {
      return InvalidArgument("files[{}].name must come behind the one before it", i);
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

int64_t Manifest::total_bytes() const {
  int64_t total = 0;
  for (const ManifestFile& file : files) total += file.size_bytes;
  return total;
}

std::string Manifest::Sha256() const {
  if (files.size() == 1) return files.front().sha256;
  std::string listing;
  for (const ManifestFile& file : files) listing += file.sha256 + "  " + file.name + "\n";
  return HexEncode(auth::Sha256(listing));
}

std::string Manifest::PathIn(const std::string& folder) const {
  const bool gguf = files.size() == 1 && files.front().name.ends_with(".gguf");
  return gguf ? folder + "/" + files.front().name : folder;
}

Status CheckModelId(std::string_view id) {
  const bool fits = !id.empty() && id.size() <= kMaxIdBytes && id.front() != '.' &&
                    id.front() != '-' && std::all_of(id.begin(), id.end(), IsNameCharacter);
  if (fits) return OkStatus();
  return InvalidArgument(
      "'{}' is no id of a model; expected 1 to {} letters, digits, '.', '_' and '-', the first a "
      "letter, a digit or '_'",
      id.substr(0, kMaxIdBytes), kMaxIdBytes);
}

std::string FormatManifest(const Manifest& manifest) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const ManifestFile& file : manifest.files) {
    files.push_back(
        {{"name", file.name}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
  }
  const nlohmann::ordered_json json = {{"format", kFormat},
                                       {"id", manifest.id},
                                       {"kind", manifest.embedding ? "embedding" : "chat"},
                                       {"architecture", manifest.architecture},
                                       {"files", std::move(files)},
                                       {"tokenizer_sha256", manifest.tokenizer_sha256},
                                       {"chat_template_sha256", manifest.chat_template_sha256},
                                       {"imported_unix_ms", manifest.imported_unix_ms},
                                       {"imported_by", manifest.imported_by}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<Manifest> ParseManifest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidArgument("expected a JSON object");
  Fields fields(json, "");
  RETURN_IF_ERROR(fields.Number("format", kFormat, kFormat).status());
  Manifest manifest;
  ASSIGN_OR_RETURN(manifest.id, fields.Text("id", kMaxIdBytes));
  RETURN_IF_ERROR(Annotate(CheckModelId(manifest.id), "id"));
  ASSIGN_OR_RETURN(const std::string kind, fields.Text("kind", 16));
  if (kind != "chat" && kind != "embedding") return fields.Wrong("kind", "chat or embedding");
  manifest.embedding = kind == "embedding";
  ASSIGN_OR_RETURN(manifest.architecture, fields.Text("architecture", 64));
  ASSIGN_OR_RETURN(manifest.files, ParseFiles(fields));
  ASSIGN_OR_RETURN(manifest.tokenizer_sha256, fields.Digest("tokenizer_sha256"));
  ASSIGN_OR_RETURN(manifest.chat_template_sha256,
                   fields.Digest("chat_template_sha256", /*may_be_empty=*/true));
  ASSIGN_OR_RETURN(manifest.imported_unix_ms, fields.Number("imported_unix_ms", 0, INT64_MAX));
  ASSIGN_OR_RETURN(manifest.imported_by, fields.Text("imported_by", 256));
  RETURN_IF_ERROR(fields.NothingElse());
  return manifest;
}

StatusOr<Manifest> ReadManifest(const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxManifestBytes));
  StatusOr<Manifest> manifest = ParseManifest(text);
  if (!manifest.ok()) return Annotate(manifest.status(), path);
  const std::string name = std::filesystem::path(folder).filename().string();
  if (manifest->id != name) {
    return InvalidArgument("{}: id must be {}, the name of its folder; it is {}", path, name,
                           manifest->id);
  }
  return manifest;
}

}  // namespace hadal::model_store
