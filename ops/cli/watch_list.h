#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::cli {

/// What tells a file from what it was, without reading it.
struct FileMark {
  int64_t size_bytes = 0;
  int64_t modified_ns =
      0;                 ///< by the clock of whoever keeps the file: compared, never computed with
  uint64_t inode = 0;    ///< another one: replaced by renaming
  std::string settings;  ///< whatever else the file is sent with
  bool operator==(const FileMark&) const = default;
};

/// Of the file that `path` leads to. NOT_FOUND when it is gone.
StatusOr<FileMark> MarkOf(const std::string& path, std::string settings);

/// Finds out, from looks at a set of files, which are to be sent: those that are new or changed and
/// have stopped changing, that is, were the same at two looks. Polling sees changes on network file
/// systems too, which tell nobody of them. Thread-compatible.
class WatchList {
 public:
  struct Changes {
    std::vector<std::string> settled;  ///< to be sent; again at the next look, unless Done()
    std::vector<std::string> gone;     ///< there at the last look
  };
  /// `files`: everything there is now, by a name of the caller's.
  Changes Look(const std::map<std::string, FileMark>& files);
  /// The file needs nothing more as long as it stays as `mark` says.
  void Done(const std::string& name, const FileMark& mark);

 private:
  struct Watched {
    FileMark mark;
    std::optional<FileMark> done;
  };
  std::map<std::string, Watched> watched_;
};

}  // namespace hadal::cli
