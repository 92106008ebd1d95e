#include "tests/retrieval/parse/zip_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

constexpr const char* kNamespaces =
    "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" "
    "xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"";

}  // namespace

std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& entries) {
  size_t size = 4096;
  for (const auto& [name, data] : entries) size += 2 * (data.size() + name.size()) + 4096;
  std::string bytes(size, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  CHECK(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used) == ARCHIVE_OK);
  for (const auto& [name, data] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(data.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    CHECK(archive_write_header(writer, entry) == ARCHIVE_OK);
    archive_write_data(writer, data.data(), data.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

std::string MakeDocx(const std::string& body_xml,
                     std::vector<std::pair<std::string, std::string>> more_parts) {
  std::vector<std::pair<std::string, std::string>> parts = {
      {"[Content_Types].xml", "<Types/>"},
      {"word/document.xml", std::string("<?xml version=\"1.0\"?><w:document ") + kNamespaces +
                                "><w:body>" + body_xml + "</w:body></w:document>"}};
  for (auto& part : more_parts) parts.push_back(std::move(part));
  return MakeZip(parts);
}

std::string MakeOneSheet(const std::string& sheet_xml,
                         std::vector<std::pair<std::string, std::string>> more_parts) {
  std::vector<std::pair<std::string, std::string>> parts = {
      {"[Content_Types].xml", "<Types/>"},
      {"xl/workbook.xml", "<workbook><sheets><sheet name=\"s\" r:id=\"r1\"/></sheets></workbook>"},
      {"xl/_rels/workbook.xml.rels",
       "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/s.xml\"/></Relationships>"},
      {"xl/worksheets/s.xml", sheet_xml}};
  for (auto& part : more_parts) parts.push_back(std::move(part));
  return MakeZip(parts);
}

std::string MakeOneSlide(const std::string& slide_xml,
                         std::vector<std::pair<std::string, std::string>> more_parts) {
  std::vector<std::pair<std::string, std::string>> parts = {
      {"[Content_Types].xml", "<Types/>"},
      {"ppt/presentation.xml",
       "<presentation><sldIdLst><sldId r:id=\"r1\"/></sldIdLst><sldSz cx=\"9\" cy=\"9\"/>"
       "</presentation>"},
      {"ppt/_rels/presentation.xml.rels",
       "<Relationships><Relationship Id=\"r1\" Target=\"slides/s.xml\"/></Relationships>"},
      {"ppt/slides/s.xml", slide_xml}};
  for (auto& part : more_parts) parts.push_back(std::move(part));
  return MakeZip(parts);
}

}  // namespace hadal::retrieval
