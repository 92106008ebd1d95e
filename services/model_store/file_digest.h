#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "services/model_store/manifest.h"

namespace hadal::model_store {

/// Is told how many bytes more are done; false ends the work with CANCELLED.
using Progress = std::function<bool(int64_t bytes)>;

/// SHA-256 of what `fd` holds from its offset on, in lower-case hex. `path` is for messages.
StatusOr<std::string> HashFile(int fd, const std::string& path, const Progress& progress);

/// What stays the same as long as nobody writes or replaces the file: path, size, inode, times of
/// change.
StatusOr<std::string> FileIdentity(const std::string& path);

/// One file of a model against its manifest.
struct CheckedFile {
  std::string name;
  int64_t size_bytes = 0;  ///< in the manifest; 0: not named there
  std::string problem;     ///< empty: as the manifest says
};

/// Compares every file in `folder` with `manifest`: sizes and names first, then every byte. A file
/// that the manifest does not name is a problem too: loaders find files by name.
StatusOr<std::vector<CheckedFile>> CheckFiles(const std::string& folder, const Manifest& manifest,
                                              const Progress& progress);

/// The same for a model about to be served: DATA_LOSS naming the model, the file and both digests
/// (or sizes). Nothing is read where names or sizes differ already.
Status RequireFiles(const std::string& folder, const Manifest& manifest, const Progress& progress);

/// The identities of all files of a model, together: compared before and after it was read by
/// several readers, it says whether they saw the same files.
StatusOr<std::string> FilesIdentity(const std::string& folder, const Manifest& manifest);

}  // namespace hadal::model_store
