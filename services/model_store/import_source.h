#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace hadal::model_store {

/// One file to import, open for reading.
struct SourceFile {
  std::string name;  ///< as it will be called in the model's folder
  int64_t size_bytes = 0;
  int64_t modified_ns = 0;
  UniqueFd fd;
};

/// Opens what an import may copy, and nothing else: `source` is looked up below `import_folder` by
/// the kernel (openat2, RESOLVE_BENEATH), so that neither ".." nor a link leads out of it, whatever
/// anyone changes meanwhile. A GGUF file is one file; of a Hugging Face folder the configuration,
/// tokenizer and safetensors files are taken and other formats' weights left. PERMISSION_DENIED
/// when it leads out, NOT_FOUND, INVALID_ARGUMENT for devices, pipes and sockets or when no model
/// is there.
StatusOr<std::vector<SourceFile>> OpenSource(const std::string& import_folder,
                                             const std::string& source);

}  // namespace hadal::model_store
