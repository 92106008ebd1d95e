#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "services/model_store/manifest.h"

namespace hadal::model_store {

struct ImportRequest {
  std::string import_folder;  ///< sources are below it
  std::string source;         ///< GGUF file or Hugging Face folder; see OpenSource()
  std::string models_folder;
  std::string id;  ///< CheckModelId() holds
  std::string imported_by;
  int64_t now_unix_ms = 0;
};

struct ImportResult {
  Manifest manifest;
  int64_t copied_bytes = 0;
  int64_t resumed_bytes = 0;  ///< were there from an import that was killed, and are the source's
};

/// Is told the bytes done since the last time and those to do in all; false cancels the import.
using ImportProgress = std::function<bool(int64_t bytes, int64_t total)>;

/// Copies a model into models_folder/ID, with its manifest. Nothing of it shows before all of it is
/// there, synced, and was opened as a checkpoint that can be loaded. An error, and `progress`
/// saying so, leaves nothing behind; a process killed meanwhile leaves models_folder/.import-ID,
/// which the next import of the id compares with its source byte by byte and continues.
/// ALREADY_EXISTS, RESOURCE_EXHAUSTED with the bytes there are and the bytes needed (checked
/// first), errors of OpenSource() and of loading; FAILED_PRECONDITION while another process imports
/// this id.
StatusOr<ImportResult> ImportModel(const ImportRequest& request, const ImportProgress& progress);

/// The folder an import works in: models_folder / kStagingPrefix ID.
inline constexpr std::string_view kStagingPrefix = ".import-";
std::string StagingFolder(const std::string& models_folder, const std::string& id);

/// fsync of a folder: what was renamed into it or out of it stays so.
Status SyncFolder(const std::string& path);

}  // namespace hadal::model_store
