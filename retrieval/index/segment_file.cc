#include "retrieval/index/segment_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "retrieval/rank/tokens.h"
#include "retrieval/store/checksum.h"

namespace hadal::retrieval {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are little-endian");

constexpr char kMagic[8] = {'H', 'A', 'D', 'A', 'L', 'S', 'E', 'G'};
constexpr uint32_t kLayout = 1;
constexpr size_t kAlignment = 64;

struct SectionEntry {
  uint64_t offset;
  uint64_t length;
  uint32_t checksum;  // of the bytes in the file
  uint32_t unused;
};

struct FileHeader {
  char magic[8];
  uint32_t layout;
  uint32_t header_checksum;  // of this header with 0 here
  uint64_t sequence;
  uint64_t file_size;
  uint32_t dim;
  uint32_t slots;
  uint32_t term_format;
  uint32_t sealed;  // 1: the parts are a cipher's
  float max_norm;
  uint32_t unused;
  char embedding_model[256];  // zeros behind it
  SectionEntry sections[kSections];
};
static_assert(sizeof(FileHeader) == 56 + 256 + 24 * kSections);

uint32_t HeaderChecksum(FileHeader header) {
  header.header_checksum = 0;
  return Crc32c({reinterpret_cast<const char*>(&header), sizeof(header)});
}

uint32_t Checksum(absl::Span<const uint8_t> bytes) {
  return Crc32c({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

uint64_t Aligned(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

std::string ContextOf(uint64_t sequence, size_t section) {
  return fmt::format("segment {} section {}", sequence, section);
}

std::string_view View(absl::Span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

absl::Span<const uint8_t> Bytes(std::string_view view) {
  return {reinterpret_cast<const uint8_t*>(view.data()), view.size()};
}

Status WriteAligned(int fd, std::string_view bytes) {
  RETURN_IF_ERROR(WriteAll(fd, bytes));
  return WriteAll(fd, std::string(Aligned(bytes.size()) - bytes.size(), '\0'));
}

Status WriteParts(int fd, FileHeader& header, const SegmentIdentity& identity,
                  const SegmentParts& parts, const SectionCipher* cipher) {
  RETURN_IF_ERROR(WriteAll(fd, std::string(Aligned(sizeof(header)), '\0')));
  uint64_t offset = Aligned(sizeof(header));
  for (size_t s = 0; s < kSections; ++s) {
    std::string sealed;
    absl::Span<const uint8_t> bytes = parts.bytes[s];
    if (cipher != nullptr) {
      ASSIGN_OR_RETURN(sealed, cipher->Seal(ContextOf(identity.sequence, s), View(bytes)));
      bytes = Bytes(sealed);
    }
    header.sections[s] = {offset, bytes.size(), Checksum(bytes), 0};
    RETURN_IF_ERROR(WriteAligned(fd, View(bytes)));
    offset += Aligned(bytes.size());
  }
  header.file_size = offset;
  header.header_checksum = HeaderChecksum(header);
  if (::pwrite(fd, &header, sizeof(header), 0) != static_cast<ssize_t>(sizeof(header))) {
    return ErrnoStatus("cannot write to", "the header");
  }
  return OkStatus();
}

StatusOr<FileHeader> ReadHeader(const MappedFile& file, const SegmentIdentity& identity) {
  FileHeader header;
  const absl::Span<const uint8_t> bytes = file.bytes();
  if (bytes.size() < sizeof(header)) {
    return DataLoss("{} has {} bytes, a header has {}", file.path(), bytes.size(), sizeof(header));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    return DataLoss("{} does not begin with HADALSEG", file.path());
  }
  if (header.layout != kLayout) {
    return FailedPrecondition("{} has layout {}, expected {}", file.path(), header.layout, kLayout);
  }
  if (header.header_checksum != HeaderChecksum(header)) {
    return DataLoss("the header of {} does not fit its checksum", file.path());
  }
  if (header.file_size != bytes.size()) {
    return DataLoss("{} has {} bytes, expected {}", file.path(), bytes.size(), header.file_size);
  }
  const std::string model(header.embedding_model,
                          ::strnlen(header.embedding_model, sizeof(header.embedding_model)));
  if (header.dim != static_cast<uint32_t>(identity.dim) || model != identity.embedding_model ||
      header.term_format != kTermFormat) {
    return FailedPrecondition(
        "{} was written for {} dimensions of '{}' and terms of format {}, expected {} of '{}' and "
        "{}",
        file.path(), header.dim, model, header.term_format, identity.dim, identity.embedding_model,
        kTermFormat);
  }
  if (header.sequence != identity.sequence) {
    return DataLoss("{} says that it is file {}", file.path(), header.sequence);
  }
  return header;
}

}  // namespace

Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus("cannot fsync", folder);
  return OkStatus();
}

Status WriteSegmentFile(const std::string& path, const SegmentIdentity& identity,
                        const SegmentParts& parts, const SectionCipher* cipher) {
  FileHeader header{};
  CHECK(identity.embedding_model.size() < sizeof(header.embedding_model));
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.layout = kLayout;
  header.sequence = identity.sequence;
  header.dim = static_cast<uint32_t>(identity.dim);
  header.slots = parts.slots;
  header.term_format = kTermFormat;
  header.sealed = cipher != nullptr ? 1 : 0;
  header.max_norm = parts.max_norm;
  std::memcpy(header.embedding_model, identity.embedding_model.data(),
              identity.embedding_model.size());
  const std::string temporary = path + ".tmp";
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("cannot create", temporary);
  Status status = WriteParts(fd.get(), header, identity, parts, cipher);
  if (status.ok() && ::fsync(fd.get()) != 0) status = ErrnoStatus("cannot fsync", temporary);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus("cannot rename to", path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return Annotate(status, path);
  }
  return SyncFolder(std::filesystem::path(path).parent_path().string());
}

StatusOr<std::unique_ptr<SegmentFile>> SegmentFile::Open(const std::string& path,
                                                         const SegmentIdentity& identity,
                                                         const SectionCipher* cipher) {
  auto segment = std::make_unique<SegmentFile>();
  ASSIGN_OR_RETURN(segment->file_, MappedFile::Open(path));
  ASSIGN_OR_RETURN(const FileHeader header, ReadHeader(*segment->file_, identity));
  if ((header.sealed != 0) != (cipher != nullptr)) {
    return FailedPrecondition("{} is {}encrypted, the base is {}encrypted", path,
                              header.sealed != 0 ? "" : "not ", cipher != nullptr ? "" : "not ");
  }
  segment->parts_.slots = header.slots;
  segment->parts_.max_norm = header.max_norm;
  const absl::Span<const uint8_t> all = segment->file_->bytes();
  for (size_t s = 0; s < kSections; ++s) {
    const SectionEntry& entry = header.sections[s];
    if (entry.offset > all.size() || entry.length > all.size() - entry.offset ||
        entry.offset % kAlignment != 0) {
      return DataLoss("section {} of {} lies outside the file", s, path);
    }
    absl::Span<const uint8_t> bytes = all.subspan(entry.offset, entry.length);
    if (Checksum(bytes) != entry.checksum) {
      return DataLoss("section {} of {} does not fit its checksum", s, path);
    }
    if (cipher != nullptr) {
      ASSIGN_OR_RETURN(std::string opened,
                       cipher->Open(ContextOf(header.sequence, s), View(bytes)));
      segment->opened_.push_back(std::move(opened));
    } else {
      segment->parts_.bytes[s] = bytes;
    }
  }
  for (size_t s = 0; s < segment->opened_.size(); ++s) {
    segment->parts_.bytes[s] = Bytes(segment->opened_[s]);
  }
  if (cipher != nullptr) segment->file_.reset();
  return segment;
}

bool RepairChecksums(std::string& bytes) {
  FileHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.file_size = bytes.size();
  for (SectionEntry& entry : header.sections) {
    if (entry.offset > bytes.size() || entry.length > bytes.size() - entry.offset) continue;
    entry.checksum = Crc32c(std::string_view(bytes).substr(entry.offset, entry.length));
  }
  header.header_checksum = HeaderChecksum(header);
  std::memcpy(bytes.data(), &header, sizeof(header));
  return true;
}

}  // namespace hadal::retrieval
