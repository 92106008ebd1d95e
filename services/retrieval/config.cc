#include "services/retrieval/config.h"

#include <iterator>

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
    {"chunk_chars", &RetrievalConfig::chunk_chars, 50, 10'000,
     "aimed length of a chunk, in Chinese characters"},
    {"chunk_max_chars", &RetrievalConfig::chunk_max_chars, 50, 20'000, "longest chunk"},
    {"chunk_overlap_chars", &RetrievalConfig::chunk_overlap_chars, 0, 5'000,
     "repeated from the chunk before"},
};

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
    RETURN_IF_ERROR(ReadKey(std::string_view(key.str()), node, config));
  }
  return OkStatus();
}

Status ValidateConfig(const RetrievalConfig& config) {
  if (config.data_folder.empty()) return InvalidArgument("--data is required: the data folder");
  if (config.inference_address.empty()) {
    return InvalidArgument("--inference is required: HOST:PORT of hadal-inference");
  }
  if (config.chunk_max_chars < config.chunk_chars ||
      config.chunk_overlap_chars * 2 > config.chunk_chars) {
    return InvalidArgument(
        "chunk_chars {}, chunk_max_chars {}, chunk_overlap_chars {}: expected the longest no "
        "shorter than the aimed length, and the overlap at most half of it",
        config.chunk_chars, config.chunk_max_chars, config.chunk_overlap_chars);
  }
  if (config.max_buffered_bytes < config.max_document_bytes) {
    return InvalidArgument("max_buffered_bytes {} is less than max_document_bytes {}",
                           config.max_buffered_bytes, config.max_document_bytes);
  }
  return OkStatus();
}

std::string FormatConfig(const RetrievalConfig& config) {
  std::string text = "[retrieval]\n";
  for (const TextField& field : kTextFields) {
    std::string quoted;
    for (const char c : config.*field.member) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    fmt::format_to(std::back_inserter(text), "# {}\n{} = \"{}\"\n", field.meaning, field.key,
                   quoted);
  }
  for (const NumberField& field : kNumberFields) {
    fmt::format_to(std::back_inserter(text), "# {} ({} to {})\n{} = {}\n", field.meaning, field.low,
                   field.high, field.key, config.*field.member);
  }
  return text;
}

}  // namespace hadal::retrieval_service
