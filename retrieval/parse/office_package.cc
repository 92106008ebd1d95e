#include "retrieval/parse/office_package.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

namespace hadal::retrieval {
namespace {

struct ArchiveDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, ArchiveDeleter>;

/// Null unless the central directory can be found and read: only then do names mean anything.
ArchiveReader OpenZip(std::string_view content) {
  ArchiveReader reader(archive_read_new());
  if (reader == nullptr) return nullptr;
  if (archive_read_support_format_zip_seekable(reader.get()) < ARCHIVE_WARN) return nullptr;
  if (archive_read_open_memory(reader.get(), content.data(), content.size()) != ARCHIVE_OK) {
    return nullptr;
  }
  return reader;
}

std::string EntryName(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  return name == nullptr ? std::string() : std::string(name);
}

bool IsUnsafe(const std::string& name) {
  if (name.empty() || name[0] == '/' || name.find('\\') != std::string::npos) return true;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    if (name.compare(at, end - at, "..") == 0) return true;
    at = end + 1;
  }
  return false;
}

bool IsWanted(const std::string& name, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    if (!one.ends_with('/')) return name == one;
    return name.starts_with(one) && (name.ends_with(".xml") || name.ends_with(".rels"));
  });
}

/// Appends the current entry's bytes to `out`, at most `limit` of them.
Status ReadEntry(archive* reader, const std::string& name, size_t limit, std::string& out) {
  char buffer[64 * 1024];
  for (;;) {
    const la_ssize_t n = archive_read_data(reader, buffer, sizeof(buffer));
    if (n == 0) return OkStatus();
    if (n < 0) return DataLoss("part {} of the document cannot be expanded; it is damaged", name);
    if (out.size() + static_cast<size_t>(n) > limit) {
      return ResourceExhausted(
          "part {} of the document expands to more than {} MiB; no real document does", name,
          limit >> 20);
    }
    out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

PackageKind DetectPackageKind(std::string_view content) {
  const ArchiveReader reader = OpenZip(content);
  if (reader == nullptr) return PackageKind::kDamaged;
  PackageKind kind = PackageKind::kOther;
  bool has_content_types = false;
  int entries = 0;
  archive_entry* entry = nullptr;
  int result;
  while ((result = archive_read_next_header(reader.get(), &entry)) >= ARCHIVE_WARN &&
         result != ARCHIVE_EOF) {
    if (++entries > kMaxPackageEntries) return PackageKind::kTooManyEntries;
    const std::string name = EntryName(entry);
    if (IsUnsafe(name)) return PackageKind::kUnsafeName;
    if (archive_entry_is_data_encrypted(entry) == 1) return PackageKind::kEncrypted;
    if (name == "[Content_Types].xml") has_content_types = true;
    if (name == "word/document.xml") kind = PackageKind::kDocx;
    if (name == "xl/workbook.xml") kind = PackageKind::kXlsx;
    if (name == "ppt/presentation.xml") kind = PackageKind::kPptx;
    if (name == "mimetype" && kind == PackageKind::kOther) kind = PackageKind::kOpenDocument;
  }
  if (result != ARCHIVE_EOF || entries == 0) return PackageKind::kDamaged;
  return has_content_types || kind == PackageKind::kOpenDocument ? kind : PackageKind::kOther;
}

StatusOr<std::map<std::string, std::string>> ReadParts(std::string_view content,
                                                       const std::vector<std::string>& wanted,
                                                       const PackageLimits& limits) {
  const ArchiveReader reader = OpenZip(content);
  if (reader == nullptr) return DataLoss("the ZIP directory is missing or broken");
  std::map<std::string, std::string> parts;
  size_t total = 0;
  archive_entry* entry = nullptr;
  int result;
  while ((result = archive_read_next_header(reader.get(), &entry)) >= ARCHIVE_WARN &&
         result != ARCHIVE_EOF) {
    const std::string name = EntryName(entry);
    if (!IsWanted(name, wanted)) continue;
    // Two readers of one file may pick different ones of two equal names.
    const auto [part, inserted] = parts.try_emplace(name);
    if (!inserted) return DataLoss("part {} stands twice in the document", name);
    RETURN_IF_ERROR(ReadEntry(reader.get(), name, limits.max_part_bytes, part->second));
    total += part->second.size();
    if (total > limits.max_total_bytes) {
      return ResourceExhausted("the document expands to more than {} MiB",
                               limits.max_total_bytes >> 20);
    }
  }
  if (result != ARCHIVE_EOF) return DataLoss("the ZIP directory is broken");
  return parts;
}

}  // namespace hadal::retrieval
