#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "auth/audit/log_files.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal::auth {

/// Compares the stored hashes and offsets with what a scan of the log finds, and rewrites what
/// differs. Both files follow from the log. Thread-compatible; must not move while a visitor is
/// used.
class DerivedFiles {
 public:
  static StatusOr<std::unique_ptr<DerivedFiles>> Open(const LogPaths& paths);

  /// Takes the records of ScanSegment().
  ScanVisitor visitor();
  /// After the scan: writes what is buffered. Errors of the visitor are returned here.
  Status Flush();
  HashReader hash_reader() const { return StoredHashReader(hashes_.fd.get(), hashes_.path); }
  /// Whether the offsets of the first `records` records are there.
  bool has_offsets(uint64_t records) const;
  /// Entries that were missing or wrong.
  uint64_t repaired_entries() const { return hashes_.repaired + offsets_.repaired; }

 private:
  struct File {
    std::string path;
    size_t entry_bytes;
    UniqueFd fd;
    uint64_t start = 0;  ///< byte position of `expected` in the file
    std::string expected;
    uint64_t repaired = 0;

    Status Open();
    Status Expect(uint64_t position, std::string_view bytes);
    Status Flush();
  };
  explicit DerivedFiles(const LogPaths& paths)
      : hashes_{paths.Hashes(), sizeof(TreeHash)}, offsets_{paths.Offsets(), sizeof(uint64_t)} {}

  File hashes_;
  File offsets_;
  Status status_;
};

}  // namespace hadal::auth
