#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"

namespace hadal::cli {

/// A file that is there as a whole or not at all: written beside its name, readable by its owner
/// only, and given the name when it is complete and on the disk. What was not committed goes with
/// the object. Thread-compatible.
class NewFile {
 public:
  /// ALREADY_EXISTS when something has the name.
  static StatusOr<NewFile> Create(const std::string& path);
  ~NewFile();
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;

  Status Write(std::string_view part);
  /// ALREADY_EXISTS when something got the name meanwhile.
  Status Commit();

 private:
  NewFile(std::string path, std::string partial, UniqueFd fd)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(std::move(fd)) {}

  std::string path_;
  std::string partial_;
  UniqueFd fd_;  // not valid once committed, or moved from
};

}  // namespace hadal::cli
