#pragma once

#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/subprocess.h"
#include "tests/support/paths.h"

/// Reference data that lies beside the checkout, and model files; absent in a plain checkout.
namespace hadal::inference::testing {

inline std::string SharedGolden(const std::string& name) { return SharedPath("golden/" + name); }

inline bool Exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

inline std::vector<nlohmann::json> ReadRows(const std::string& path) {
  std::vector<nlohmann::json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  return rows;
}

/// Unpacks an .xz file to `to`. False when that failed.
inline bool UnpackXz(const std::string& from, const std::string& to) {
  SubprocessOptions options;
  options.argv = {"sh", "-c", "xz -dc \"$0\" > \"$1\"", from, to};
  auto process = Subprocess::Start(options);
  return process.ok() && process->Wait() == 0;
}

}  // namespace hadal::inference::testing
