#pragma once

#include <cstdlib>
#include <string>

/// Where tests find files. CMake sets both variables for every test; run by hand from the sources'
/// folder and from the binaries' folder, neither is needed.
namespace hadal {

/// A file or folder of the project.
inline std::string SourcePath(const std::string& relative) {
  const char* root = std::getenv("HADAL_SOURCE_DIR");
  return std::string(root == nullptr ? "." : root) + "/" + relative;
}

/// A model of the models folder; absent until ops/models.sh fetched it.
inline std::string ModelPath(const std::string& name) { return SourcePath("models/" + name); }

/// Reference data beside the project; absent in a plain checkout.
inline std::string SharedPath(const std::string& relative) {
  return SourcePath("../shared/" + relative);
}

/// A program of this build.
inline std::string BinaryPath(const std::string& name) {
  const char* folder = std::getenv("HADAL_BIN_DIR");
  return std::string(folder == nullptr ? "." : folder) + "/" + name;
}

}  // namespace hadal
