#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "retrieval/chunker.h"
#include "services/retrieval/key_ring_cipher.h"

namespace hadal::retrieval_service {

/// Everything hadal-retrieval can be told, parsed once at start. The file's keys stand in its
/// [retrieval] table, those of encryption in [retrieval.encryption]; other tables belong to other
/// services.
struct RetrievalConfig {
  std::string data_folder;
  std::string listen = "127.0.0.1:0";
  std::string inference_address;
  std::string parser_program;   ///< empty: hadal-parser beside this program
  std::string embedding_model;  ///< id at the inference service; empty: its first embedding model
  int64_t max_document_bytes = int64_t{64} << 20;
  int64_t max_buffered_bytes = int64_t{512} << 20;  ///< of all files being received
  int64_t max_chunks_per_document = 100'000;
  int64_t embed_first_chunks = 128;  ///< a document of more is visible before it is embedded
  int64_t min_free_bytes = int64_t{256} << 20;  ///< writes stop when the disk has less
  int64_t parser_processes = 2;
  int64_t parse_seconds = 60;
  int64_t max_attempts = 3;     ///< to read a file that crashes the parser or takes too long
  int64_t embed_batch = 32;     ///< passages in one call to the inference service
  int64_t embed_seconds = 120;  ///< patience with it, for one batch
  int64_t max_calls = 64;
  int64_t chunk_tokens = 288;  ///< of the embedding model; see retrieval::ChunkerOptions
  int64_t chunk_max_tokens = 448;
  int64_t chunk_overlap_tokens = 40;
  int64_t chunk_parent_tokens = 1024;
  std::string encryption = "aes-256-gcm";  ///< of new bases; or "sm4-gcm", "none"
  std::string master_key;  ///< source; empty: a file beside the data folder, made when needed
  std::vector<std::string> former_master_keys;
  std::string credentials_folder;  ///< $CREDENTIALS_DIRECTORY of systemd; not in the file
};

/// Puts the [retrieval] table of the TOML text into `config`; what it does not name stays.
/// INVALID_ARGUMENT, with line or key, for syntax errors, unknown keys, wrong types and values
/// outside their bounds.
Status ApplyToml(std::string_view text, RetrievalConfig& config);

/// How documents are cut where their base has no settings of its own.
retrieval::ChunkerOptions ChunkerOptionsOf(const RetrievalConfig& config);

/// INVALID_ARGUMENT when something required is missing or two settings contradict each other.
Status ValidateConfig(const RetrievalConfig& config);

/// Where the master key lies when the configuration names none: beside the data folder, so that a
/// copy of that folder does not hold the key to itself.
std::string DefaultMasterKeyFile(const std::string& data_folder);

/// What KeyRingCipher needs of a valid configuration.
EncryptionOptions EncryptionOf(const RetrievalConfig& config);

/// The configuration as the TOML file that yields it, each key with what it means.
std::string FormatConfig(const RetrievalConfig& config);

}  // namespace hadal::retrieval_service
