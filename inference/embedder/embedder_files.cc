#include "inference/embedder/embedder_files.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr int64_t kMeanPooling = 1;

StatusOr<std::string> StringOrEmpty(const GgufFile& file, std::string_view key) {
  if (!file.metadata().contains(std::string(key))) return std::string();
  return file.GetString(key);
}

StatusOr<EmbedderFiles> ReadGguf(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, GgufFile::Open(path));
  if (file->metadata().contains("bert.pooling_type")) {
    ASSIGN_OR_RETURN(const int64_t pooling, file->GetInt("bert.pooling_type"));
    if (pooling != kMeanPooling) {
      return InvalidArgument("{}: \"bert.pooling_type\" is {}, only 1 (mean) is supported", path,
                             pooling);
    }
  }
  EmbedderFiles files;
  ASSIGN_OR_RETURN(files.query_prefix, StringOrEmpty(*file, "hadal.embedding.query_prefix"));
  ASSIGN_OR_RETURN(files.passage_prefix, StringOrEmpty(*file, "hadal.embedding.passage_prefix"));
  ASSIGN_OR_RETURN(files.tokenizer, LoadTokenizer(*file));
  return files;
}

// An empty object when the file is absent.
StatusOr<Json> ReadOptionalJson(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return Json::object();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidArgument("{}: expected a JSON object", path);
  return json;
}

std::string TextAt(const Json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

StatusOr<EmbedderFiles> ReadFolder(const std::string& folder) {
  EmbedderFiles files;
  ASSIGN_OR_RETURN(files.tokenizer, LoadTokenizer(folder));
  const std::string pooling_path = folder + "/1_Pooling/config.json";
  ASSIGN_OR_RETURN(const Json pooling, ReadOptionalJson(pooling_path));
  auto mean = pooling.find("pooling_mode_mean_tokens");
  if (mean != pooling.end() && *mean != true) {
    return InvalidArgument(
        "{}: \"pooling_mode_mean_tokens\" is not true, only the mean is supported", pooling_path);
  }
  ASSIGN_OR_RETURN(const Json prompts,
                   ReadOptionalJson(folder + "/config_sentence_transformers.json"));
  if (auto it = prompts.find("prompts"); it != prompts.end() && it->is_object()) {
    files.query_prefix = TextAt(*it, "query");
    files.passage_prefix = TextAt(*it, "passage");
  }
  const std::string limit_path = folder + "/sentence_bert_config.json";
  ASSIGN_OR_RETURN(const Json limits, ReadOptionalJson(limit_path));
  if (auto it = limits.find("max_seq_length"); it != limits.end() && !it->is_null()) {
    if (!it->is_number_unsigned() || it->get<uint64_t>() < 8 || it->get<uint64_t>() > INT32_MAX) {
      return InvalidArgument("{}: \"max_seq_length\" is not a number of at least 8", limit_path);
    }
    files.max_tokens = it->get<int32_t>();
  }
  return files;
}

}  // namespace

StatusOr<EmbedderFiles> ReadEmbedderFiles(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open embedding model", path);
  return S_ISDIR(info.st_mode) ? ReadFolder(path) : ReadGguf(path);
}

}  // namespace hadal::inference
