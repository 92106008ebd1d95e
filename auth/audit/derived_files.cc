#include "auth/audit/derived_files.h"

#include <fcntl.h>

#include <algorithm>

#include "auth/folder/little_endian.h"

namespace hadal::auth {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

StatusOr<std::unique_ptr<DerivedFiles>> DerivedFiles::Open(const LogPaths& paths) {
  std::unique_ptr<DerivedFiles> files(new DerivedFiles(paths));
  RETURN_IF_ERROR(files->hashes_.Open());
  RETURN_IF_ERROR(files->offsets_.Open());
  return files;
}

Status DerivedFiles::File::Open() {
  fd.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  return fd.valid() ? OkStatus() : ErrnoStatus("cannot open", path);
}

Status DerivedFiles::File::Expect(uint64_t position, std::string_view bytes) {
  if (position != start + expected.size() || expected.size() >= kBufferBytes) {
    RETURN_IF_ERROR(Flush());
    start = position;
  }
  expected.append(bytes);
  return OkStatus();
}

Status DerivedFiles::File::Flush() {
  ASSIGN_OR_RETURN(const uint64_t bytes, FileBytes(fd.get(), path));
  const size_t present =
      bytes > start ? static_cast<size_t>(std::min<uint64_t>(bytes - start, expected.size())) : 0;
  std::string found;
  RETURN_IF_ERROR(ReadAt(fd.get(), path, start, present, found));
  if (found != expected) {
    for (size_t i = 0; i < expected.size(); i += entry_bytes) {
      if (std::string_view(found).substr(std::min(i, found.size()), entry_bytes) !=
          std::string_view(expected).substr(i, entry_bytes)) {
        ++repaired;
      }
    }
    RETURN_IF_ERROR(WriteAt(fd.get(), path, start, expected));
  }
  start += expected.size();
  expected.clear();
  return OkStatus();
}

ScanVisitor DerivedFiles::visitor() {
  return {.on_record = [this](const ScannedRecord& record) {
    if (!status_.ok()) return;
    const std::string_view hashes(reinterpret_cast<const char*>(record.stored_hashes.data()),
                                  record.stored_hashes.size() * sizeof(TreeHash));
    std::string offset;
    AppendInteger(record.offset, offset);
    status_ = hashes_.Expect(StoredHashCount(record.index) * sizeof(TreeHash), hashes);
    if (status_.ok()) status_ = offsets_.Expect(record.index * sizeof(uint64_t), offset);
  }};
}

bool DerivedFiles::has_offsets(uint64_t records) const {
  const StatusOr<uint64_t> bytes = FileBytes(offsets_.fd.get(), offsets_.path);
  return bytes.ok() && *bytes / sizeof(uint64_t) >= records;
}

Status DerivedFiles::Flush() {
  RETURN_IF_ERROR(status_);
  RETURN_IF_ERROR(hashes_.Flush());
  return offsets_.Flush();
}

}  // namespace hadal::auth
