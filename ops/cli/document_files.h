#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/v1/knowledge.pb.h"

namespace hadal::cli {

/// Where documents come from, and the label of those that have none of their own.
struct DocumentSources {
  std::string kb;
  std::vector<std::string> paths;  ///< files, or folders to walk
  std::string manifest;            ///< JSON lines; empty: none
  std::string classification = "internal";
  std::vector<std::string> compartments;
  std::vector<std::string> groups;
};

/// One file to send; `rejection` is set when it is refused before anything is sent.
struct DocumentFile {
  std::string path;
  v1::DocumentHeader header;  ///< but for the file's size
  std::string rejection_code;
  std::string rejection;
};

/// Every file there is now, the manifest's first, folders in the order of their names. What is no
/// regular file, or a link that leaves its folder, is among them with a rejection. INVALID_ARGUMENT
/// naming the line for a bad manifest; UNAVAILABLE when a folder cannot be read.
StatusOr<std::vector<DocumentFile>> FindDocumentFiles(const DocumentSources& sources);

}  // namespace hadal::cli
