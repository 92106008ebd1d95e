#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::model_store {

inline constexpr char kManifestName[] = "manifest.json";
inline constexpr size_t kMaxModelFiles = 4096;

struct ManifestFile {
  std::string name;  ///< in the model's folder; at most one folder deep
  int64_t size_bytes = 0;
  std::string sha256;  ///< lower-case hex, as all digests here
};

/// What an import found and fixed: models/<id>/manifest.json. A model is served only as long as its
/// files are these.
struct Manifest {
  std::string id;
  bool embedding = false;  ///< else a chat model
  std::string architecture;
  std::vector<ManifestFile> files;   ///< by name; at least one
  std::string tokenizer_sha256;      ///< of the vocabulary: TokenizerDigest()
  std::string chat_template_sha256;  ///< of the text in the file; empty: it has none
  int64_t imported_unix_ms = 0;
  std::string imported_by;

  int64_t total_bytes() const;
  /// The model's digest: its file's, or of several files that of the lines "DIGEST  NAME\n", as
  /// sha256sum prints them.
  std::string Sha256() const;
  /// What the engine opens in `folder`: the GGUF file, or the folder itself.
  std::string PathIn(const std::string& folder) const;
};

/// Letters, digits, '.', '_' and '-', not first; at most 100. INVALID_ARGUMENT saying so.
Status CheckModelId(std::string_view id);

std::string FormatManifest(const Manifest& manifest);

/// INVALID_ARGUMENT naming the field: of another format, unknown or missing, out of its range, a
/// name that leaves the folder. Nothing in the text is trusted.
StatusOr<Manifest> ParseManifest(std::string_view text);

/// The manifest in `folder`, whose name is the model's id. Errors name the file.
StatusOr<Manifest> ReadManifest(const std::string& folder);

}  // namespace hadal::model_store
