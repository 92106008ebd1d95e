#include "services/retrieval/config.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>

#include "auth/crypto/master_key_source.h"
#include "services/config/service_table.h"

namespace hadal::retrieval_service {
namespace {

struct TextField {
  const char* key;
  std::string RetrievalConfig::*member;
  const char* meaning;
};
struct NumberField {
  const char* key;
  int64_t RetrievalConfig::*member;
  int64_t low;
  int64_t high;
  const char* meaning;
};

constexpr TextField kTextFields[] = {
    {"parser", &RetrievalConfig::parser_program,
     "path of hadal-parser; empty: beside this program"},
    {"embedding_model", &RetrievalConfig::embedding_model,
     "id at the inference service; empty: its first embedding model"},
};
constexpr TextField kEncryptionFields[] = {
    {"algorithm", &RetrievalConfig::encryption,
     "of new knowledge bases: aes-256-gcm, sm4-gcm, or none; the others keep theirs"},
    {"master_key", &RetrievalConfig::master_key,
     "file:PATH, credential:NAME or pkcs11:... ; empty: a file beside the data folder"},
};
constexpr char kFormerKeys[] = "former_master_keys";
constexpr char kFormerKeysMeaning[] =
    "replaced ones: the bases they wrapped are wrapped anew at the next start";
constexpr NumberField kNumberFields[] = {
    {"max_document_bytes", &RetrievalConfig::max_document_bytes, 1, int64_t{1} << 32,
     "largest file taken"},
    {"max_buffered_bytes", &RetrievalConfig::max_buffered_bytes, 1, int64_t{1} << 36,
     "of all files being received; at least max_document_bytes"},
    {"max_chunks_per_document", &RetrievalConfig::max_chunks_per_document, 1, 10'000'000,
     "largest number of chunks of one document"},
    {"embed_first_chunks", &RetrievalConfig::embed_first_chunks, 0, 10'000'000,
     "a document of more chunks is searchable by its words first, its vectors follow"},
    {"min_free_bytes", &RetrievalConfig::min_free_bytes, 0, int64_t{1} << 44,
     "writes stop when the disk has less room than this"},
    {"parser_processes", &RetrievalConfig::parser_processes, 1, 256, "files parsed side by side"},
    {"parse_seconds", &RetrievalConfig::parse_seconds, 1, 3600, "time limit of one file"},
    {"max_attempts", &RetrievalConfig::max_attempts, 1, 100,
     "to read a file that ends the parser or takes too long, before it is given up"},
    {"embed_batch", &RetrievalConfig::embed_batch, 1, 1024,
     "passages in one call to the inference service"},
    {"embed_seconds", &RetrievalConfig::embed_seconds, 1, 3600,
     "patience with the inference service, for one call"},
    {"max_calls", &RetrievalConfig::max_calls, 4, 1 << 16, "gRPC calls at once"},
    {"chunk_tokens", &RetrievalConfig::chunk_tokens, 1, 8192,
     "aimed length of a chunk, in tokens of the embedding model"},
    {"chunk_max_tokens", &RetrievalConfig::chunk_max_tokens, 16, 8192,
     "longest chunk, its title and headings included"},
    {"chunk_overlap_tokens", &RetrievalConfig::chunk_overlap_tokens, 0, 4096,
     "repeated from the chunk before"},
    {"chunk_parent_tokens", &RetrievalConfig::chunk_parent_tokens, 0, 65'536,
     "of the section around a chunk that an answer may read"},
};

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

Status ReadFormerKeys(const toml::node& node, RetrievalConfig& config) {
  const Status wrong =
      InvalidArgument("retrieval.encryption.{} must be a list of strings", kFormerKeys);
  if (!node.is_array()) return wrong;
  config.former_master_keys.clear();
  for (const toml::node& element : *node.as_array()) {
    const auto text = element.value<std::string>();
    if (!text) return wrong;
    config.former_master_keys.push_back(*text);
  }
  return OkStatus();
}

Status ReadEncryption(const toml::node& node, RetrievalConfig& config) {
  if (!node.is_table()) return InvalidArgument("retrieval.encryption must be a table");
  for (const auto& [name, value] : *node.as_table()) {
    const std::string_view key = name.str();  // clang's lambdas capture no structured binding
    if (key == kFormerKeys) {
      RETURN_IF_ERROR(ReadFormerKeys(value, config));
      continue;
    }
    const auto* const field =
        std::find_if(std::begin(kEncryptionFields), std::end(kEncryptionFields),
                     [&key](const TextField& candidate) { return key == candidate.key; });
    if (field == std::end(kEncryptionFields)) {
      return InvalidArgument("unknown key retrieval.encryption.{}", key);
    }
    const auto text = value.value<std::string>();
    if (!text) return InvalidArgument("retrieval.encryption.{} must be a string", key);
    config.*(field->member) = *text;
  }
  return OkStatus();
}

// nullopt: not encrypted.
StatusOr<std::optional<auth::AeadAlgorithm>> AlgorithmOf(const std::string& name) {
  if (name == "aes-256-gcm") return std::optional(auth::AeadAlgorithm::kAes256Gcm);
  if (name == "sm4-gcm") return std::optional(auth::AeadAlgorithm::kSm4Gcm);
  if (name == "none") return std::optional<auth::AeadAlgorithm>();
  return InvalidArgument(
      "retrieval.encryption.algorithm is '{}', expected aes-256-gcm, sm4-gcm or none", name);
}

Status ReadKey(std::string_view key, const toml::node& node, RetrievalConfig& config) {
  for (const TextField& field : kTextFields) {
    if (key != field.key) continue;
    const auto text = node.value<std::string>();
    if (!text) return InvalidArgument("retrieval.{} must be a string", key);
    config.*field.member = *text;
    return OkStatus();
  }
  for (const NumberField& field : kNumberFields) {
    if (key != field.key) continue;
    if (!node.is_integer()) return InvalidArgument("retrieval.{} must be a whole number", key);
    const int64_t value = *node.value<int64_t>();
    if (value < field.low || value > field.high) {
      return InvalidArgument("retrieval.{} is {}, expected {} to {}", key, value, field.low,
                             field.high);
    }
    config.*field.member = value;
    return OkStatus();
  }
  return InvalidArgument("unknown key retrieval.{}", key);
}

}  // namespace

Status ApplyToml(std::string_view text, RetrievalConfig& config) {
  ASSIGN_OR_RETURN(const toml::table table, config::ServiceTable(text, "retrieval"));
  for (const auto& [key, node] : table) {
    if (key.str() == "encryption") {
      RETURN_IF_ERROR(ReadEncryption(node, config));
      continue;
    }
    RETURN_IF_ERROR(ReadKey(std::string_view(key.str()), node, config));
  }
  return OkStatus();
}

retrieval::ChunkerOptions ChunkerOptionsOf(const RetrievalConfig& config) {
  retrieval::ChunkerOptions options;
  options.target_tokens = static_cast<int32_t>(config.chunk_tokens);
  options.max_tokens = static_cast<int32_t>(config.chunk_max_tokens);
  options.overlap_tokens = static_cast<int32_t>(config.chunk_overlap_tokens);
  options.parent_tokens = static_cast<int32_t>(config.chunk_parent_tokens);
  return options;
}

Status ValidateConfig(const RetrievalConfig& config) {
  if (config.data_folder.empty()) return InvalidArgument("--data is required: the data folder");
  if (config.inference_address.empty()) {
    return InvalidArgument("--inference is required: HOST:PORT of hadal-inference");
  }
  RETURN_IF_ERROR(retrieval::ValidateChunkerOptions(ChunkerOptionsOf(config)));
  if (config.max_buffered_bytes < config.max_document_bytes) {
    return InvalidArgument("max_buffered_bytes {} is less than max_document_bytes {}",
                           config.max_buffered_bytes, config.max_document_bytes);
  }
  RETURN_IF_ERROR(AlgorithmOf(config.encryption).status());
  if (!config.master_key.empty()) {
    RETURN_IF_ERROR(auth::CheckMasterKeySource(config.master_key));
  }
  for (const std::string& source : config.former_master_keys) {
    RETURN_IF_ERROR(auth::CheckMasterKeySource(source));
  }
  return OkStatus();
}

std::string DefaultMasterKeyFile(const std::string& data_folder) {
  std::string path = std::filesystem::absolute(data_folder).lexically_normal().string();
  if (path.ends_with('/')) path.pop_back();
  return path + ".master-key";
}

EncryptionOptions EncryptionOf(const RetrievalConfig& config) {
  EncryptionOptions options;
  options.algorithm = *AlgorithmOf(config.encryption);
  options.master_key = config.master_key;
  if (config.master_key.empty()) {
    options.new_key_file = DefaultMasterKeyFile(config.data_folder);
    options.master_key = "file:" + options.new_key_file;
  }
  options.former_master_keys = config.former_master_keys;
  options.credentials_folder = config.credentials_folder;
  return options;
}

std::string FormatConfig(const RetrievalConfig& config) {
  std::string text = "[retrieval]\n";
  const auto add_text = [&](const TextField& field) {
    fmt::format_to(std::back_inserter(text), "# {}\n{} = {}\n", field.meaning, field.key,
                   Quoted(config.*field.member));
  };
  for (const TextField& field : kTextFields) add_text(field);
  for (const NumberField& field : kNumberFields) {
    fmt::format_to(std::back_inserter(text), "# {} ({} to {})\n{} = {}\n", field.meaning, field.low,
                   field.high, field.key, config.*field.member);
  }
  text += "\n[retrieval.encryption]\n";
  for (const TextField& field : kEncryptionFields) add_text(field);
  std::vector<std::string> former;
  for (const std::string& source : config.former_master_keys) former.push_back(Quoted(source));
  fmt::format_to(std::back_inserter(text), "# {}\n{} = [{}]\n", kFormerKeysMeaning, kFormerKeys,
                 fmt::join(former, ", "));
  return text;
}

}  // namespace hadal::retrieval_service
