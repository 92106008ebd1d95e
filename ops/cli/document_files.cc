#include "ops/cli/document_files.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "ops/cli/labels.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 1'000'000;

StatusOr<v1::Label> LabelOf(const DocumentSources& sources) {
  v1::Label label;
  ASSIGN_OR_RETURN(const v1::Classification classification,
                   ParseClassification(sources.classification));
  label.set_classification(classification);
  label.mutable_compartments()->Assign(sources.compartments.begin(), sources.compartments.end());
  label.mutable_groups()->Assign(sources.groups.begin(), sources.groups.end());
  return label;
}

// An id is one line of UTF-8: what a file name has beyond that becomes '_'.
std::string DocumentId(const std::string& name) {
  std::string id = SanitizeUtf8(name);
  for (char& c : id) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  }
  return id;
}

// Refuses what is no regular file without opening it: a FIFO would block, a link may lead outside.
void RefuseUnlessRegular(DocumentFile& file, const fs::path& root) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(file.path, error);
  if (error || status.type() == fs::file_type::not_found) {
    file.rejection_code = "not_found";
    file.rejection = "no such file";
  } else if (status.type() == fs::file_type::symlink) {
    const fs::path target = fs::weakly_canonical(file.path, error);
    const fs::path inside = fs::weakly_canonical(root, error);
    const auto [end, ignored] =
        std::mismatch(inside.begin(), inside.end(), target.begin(), target.end());
    if (error || end != inside.end()) {
      file.rejection_code = "outside_folder";
      file.rejection = "a symbolic link that leaves the folder is not followed";
    } else if (!fs::is_regular_file(target, error)) {
      file.rejection_code = "not_a_file";
      file.rejection = "a symbolic link to something that is no regular file";
    }
  } else if (status.type() != fs::file_type::regular) {
    file.rejection_code = "not_a_file";
    file.rejection = "not a regular file (a pipe, socket or device)";
  }
}

Status WalkPaths(const DocumentSources& sources, std::vector<DocumentFile>& files) {
  ASSIGN_OR_RETURN(const v1::Label label, LabelOf(sources));
  const auto add = [&](const fs::path& path, const fs::path& root, const std::string& id) {
    DocumentFile file;
    file.path = path;
    file.header.set_knowledge_base(sources.kb);
    file.header.set_document_id(DocumentId(id));
    file.header.set_file_name(DocumentId(path.filename().string()));
    *file.header.mutable_label() = label;
    RefuseUnlessRegular(file, root);
    files.push_back(std::move(file));
  };
  for (const std::string& given : sources.paths) {
    std::error_code error;
    if (!fs::is_directory(given, error)) {
      add(given, fs::path(given).parent_path(), fs::path(given).filename().string());
      continue;
    }
    std::vector<fs::path> found;
    auto walk = fs::recursive_directory_iterator(given, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      const fs::file_type type = walk->symlink_status(error).type();
      if (type != fs::file_type::directory) found.push_back(walk->path());
      if (found.size() > kMaxFiles) {
        return ResourceExhausted("{} holds more than {} files: add it in parts", given, kMaxFiles);
      }
    }
    if (error) return Unavailable("cannot read folder {}: {}", given, error.message());
    std::sort(found.begin(), found.end());
    for (const fs::path& file : found) add(file, given, file.lexically_relative(given).string());
  }
  return OkStatus();
}

StatusOr<DocumentFile> ManifestRow(const DocumentSources& sources, const nlohmann::json& row,
                                   const fs::path& folder, size_t line) {
  const auto text = [&](const char* name) {
    return row.contains(name) && row[name].is_string() ? row[name].get<std::string>() : "";
  };
  if (!row.is_object() || text("file").empty()) {
    return InvalidArgument("{}:{}: expected an object with \"file\"", sources.manifest, line);
  }
  DocumentFile file;
  const fs::path relative = fs::path(text("file")).lexically_normal();
  file.path = folder / relative;
  v1::DocumentHeader& header = file.header;
  header.set_knowledge_base(sources.kb);
  header.set_document_id(text("id").empty() ? DocumentId(relative.string()) : text("id"));
  header.set_title(text("title"));
  header.set_file_name(DocumentId(relative.filename().string()));
  const std::string classification =
      text("classification").empty() ? sources.classification : text("classification");
  StatusOr<v1::Classification> parsed = ParseClassification(classification);
  if (!parsed.ok()) {
    return Annotate(parsed.status(), fmt::format("{}:{}", sources.manifest, line));
  }
  header.mutable_label()->set_classification(*parsed);
  const auto strings = [&](const char* name, const std::vector<std::string>& fallback,
                           google::protobuf::RepeatedPtrField<std::string>* out) -> Status {
    if (!row.contains(name)) {
      out->Assign(fallback.begin(), fallback.end());
      return OkStatus();
    }
    if (!row[name].is_array()) {
      return InvalidArgument("{}:{}: \"{}\" must be a list of strings", sources.manifest, line,
                             name);
    }
    for (const nlohmann::json& item : row[name]) {
      if (!item.is_string()) {
        return InvalidArgument("{}:{}: \"{}\" must be a list of strings", sources.manifest, line,
                               name);
      }
      out->Add(item.get<std::string>());
    }
    return OkStatus();
  };
  RETURN_IF_ERROR(strings("compartments", sources.compartments,
                          header.mutable_label()->mutable_compartments()));
  RETURN_IF_ERROR(strings("groups", sources.groups, header.mutable_label()->mutable_groups()));
  if (relative.is_absolute() || (!relative.empty() && *relative.begin() == "..")) {
    file.rejection_code = "outside_folder";
    file.rejection = "the manifest names a file outside its own folder";
  } else {
    RefuseUnlessRegular(file, folder);
  }
  return file;
}

Status ReadManifest(const DocumentSources& sources, std::vector<DocumentFile>& files) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(sources.manifest));
  const fs::path folder = fs::path(sources.manifest).parent_path();
  size_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string row = text.substr(begin, end - begin);
    begin = end + 1;
    ++line;
    if (row.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json json = nlohmann::json::parse(row, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
      return InvalidArgument("{}:{}: not a line of JSON", sources.manifest, line);
    }
    ASSIGN_OR_RETURN(DocumentFile file,
                     ManifestRow(sources, json, folder.empty() ? "." : folder, line));
    files.push_back(std::move(file));
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<DocumentFile>> FindDocumentFiles(const DocumentSources& sources) {
  std::vector<DocumentFile> files;
  if (!sources.manifest.empty()) RETURN_IF_ERROR(ReadManifest(sources, files));
  RETURN_IF_ERROR(WalkPaths(sources, files));
  return files;
}

}  // namespace hadal::cli
