#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/utf8.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_state.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"
#include "services/rpc/status.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{64} << 20;
constexpr size_t kMaxFiles = 1'000'000;
constexpr size_t kMessageBytes = size_t{1} << 20;
constexpr absl::Duration kFileLimit = absl::Minutes(10);

struct AddOptions {
  std::string kb;
  std::vector<std::string> paths;
  std::string manifest;
  std::string classification = "internal";
  std::vector<std::string> compartments;
  std::vector<std::string> groups;
  bool strict = false;
};

/// One file to send; `rejection` is set when it is refused before anything is sent.
struct Candidate {
  fs::path path;
  v1::DocumentHeader header;
  std::string rejection_code;
  std::string rejection;
};

// An id is one line of UTF-8: what a file name has beyond that becomes '_'.
std::string DocumentId(const std::string& name) {
  std::string id = SanitizeUtf8(name);
  for (char& c : id) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  }
  return id;
}

// Refuses what is no regular file without opening it: a FIFO would block, a link may lead outside.
void RefuseUnlessRegular(Candidate& candidate, const fs::path& root) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(candidate.path, error);
  if (error || status.type() == fs::file_type::not_found) {
    candidate.rejection_code = "not_found";
    candidate.rejection = "no such file";
  } else if (status.type() == fs::file_type::symlink) {
    const fs::path target = fs::weakly_canonical(candidate.path, error);
    const fs::path inside = fs::weakly_canonical(root, error);
    const auto [end, ignored] =
        std::mismatch(inside.begin(), inside.end(), target.begin(), target.end());
    if (error || end != inside.end()) {
      candidate.rejection_code = "outside_folder";
      candidate.rejection = "a symbolic link that leaves the folder is not followed";
    } else if (!fs::is_regular_file(target, error)) {
      candidate.rejection_code = "not_a_file";
      candidate.rejection = "a symbolic link to something that is no regular file";
    }
  } else if (status.type() != fs::file_type::regular) {
    candidate.rejection_code = "not_a_file";
    candidate.rejection = "not a regular file (a pipe, socket or device)";
  }
}

Status WalkPaths(const AddOptions& options, const v1::Label& label,
                 std::vector<Candidate>& candidates) {
  const auto add = [&](const fs::path& path, const fs::path& root, const std::string& id) {
    Candidate candidate;
    candidate.path = path;
    candidate.header.set_knowledge_base(options.kb);
    candidate.header.set_document_id(DocumentId(id));
    candidate.header.set_file_name(DocumentId(path.filename().string()));
    *candidate.header.mutable_label() = label;
    RefuseUnlessRegular(candidate, root);
    candidates.push_back(std::move(candidate));
  };
  for (const std::string& given : options.paths) {
    std::error_code error;
    if (!fs::is_directory(given, error)) {
      add(given, fs::path(given).parent_path(), fs::path(given).filename().string());
      continue;
    }
    std::vector<fs::path> files;
    auto walk = fs::recursive_directory_iterator(given, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      const fs::file_type type = walk->symlink_status(error).type();
      if (type != fs::file_type::directory) files.push_back(walk->path());
      if (files.size() > kMaxFiles) {
        return ResourceExhausted("{} holds more than {} files: add it in parts", given, kMaxFiles);
      }
    }
    if (error) return Unavailable("cannot read folder {}: {}", given, error.message());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) add(file, given, file.lexically_relative(given).string());
  }
  return OkStatus();
}

StatusOr<Candidate> ManifestRow(const AddOptions& options, const nlohmann::json& row,
                                const fs::path& folder, size_t line) {
  const auto text = [&](const char* name) {
    return row.contains(name) && row[name].is_string() ? row[name].get<std::string>() : "";
  };
  if (!row.is_object() || text("file").empty()) {
    return InvalidArgument("{}:{}: expected an object with \"file\"", options.manifest, line);
  }
  Candidate candidate;
  const fs::path relative = fs::path(text("file")).lexically_normal();
  candidate.path = folder / relative;
  v1::DocumentHeader& header = candidate.header;
  header.set_knowledge_base(options.kb);
  header.set_document_id(text("id").empty() ? DocumentId(relative.string()) : text("id"));
  header.set_title(text("title"));
  header.set_file_name(DocumentId(relative.filename().string()));
  const std::string classification =
      text("classification").empty() ? options.classification : text("classification");
  StatusOr<v1::Classification> parsed = ParseClassification(classification);
  if (!parsed.ok()) {
    return Annotate(parsed.status(), fmt::format("{}:{}", options.manifest, line));
  }
  header.mutable_label()->set_classification(*parsed);
  const auto strings = [&](const char* name, const std::vector<std::string>& fallback,
                           google::protobuf::RepeatedPtrField<std::string>* out) -> Status {
    if (!row.contains(name)) {
      out->Assign(fallback.begin(), fallback.end());
      return OkStatus();
    }
    if (!row[name].is_array()) {
      return InvalidArgument("{}:{}: \"{}\" must be a list of strings", options.manifest, line,
                             name);
    }
    for (const nlohmann::json& item : row[name]) {
      if (!item.is_string()) {
        return InvalidArgument("{}:{}: \"{}\" must be a list of strings", options.manifest, line,
                               name);
      }
      out->Add(item.get<std::string>());
    }
    return OkStatus();
  };
  RETURN_IF_ERROR(strings("compartments", options.compartments,
                          header.mutable_label()->mutable_compartments()));
  RETURN_IF_ERROR(strings("groups", options.groups, header.mutable_label()->mutable_groups()));
  if (relative.is_absolute() || (!relative.empty() && *relative.begin() == "..")) {
    candidate.rejection_code = "outside_folder";
    candidate.rejection = "the manifest names a file outside its own folder";
  } else {
    RefuseUnlessRegular(candidate, folder);
  }
  return candidate;
}

Status ReadManifest(const AddOptions& options, std::vector<Candidate>& candidates) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(options.manifest));
  const fs::path folder = fs::path(options.manifest).parent_path();
  size_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string row = text.substr(begin, end - begin);
    begin = end + 1;
    ++line;
    if (row.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json json = nlohmann::json::parse(row, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
      return InvalidArgument("{}:{}: not a line of JSON", options.manifest, line);
    }
    ASSIGN_OR_RETURN(Candidate candidate,
                     ManifestRow(options, json, folder.empty() ? "." : folder, line));
    candidates.push_back(std::move(candidate));
  }
  return OkStatus();
}

StatusOr<v1::AddDocumentResponse> Send(const Connection& connection, v1::Knowledge::Stub& stub,
                                       const Candidate& candidate) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(candidate.path.string(), kMaxFileBytes));
  grpc::ClientContext context;
  connection.Prepare(context, kFileLimit);
  v1::AddDocumentResponse response;
  const auto writer = stub.AddDocument(&context, &response);
  v1::AddDocumentRequest part;
  *part.mutable_header() = candidate.header;
  part.mutable_header()->set_size_bytes(static_cast<int64_t>(content.size()));
  bool open = writer->Write(part);
  for (size_t offset = 0; open && offset < content.size(); offset += kMessageBytes) {
    part.set_data(content.substr(offset, kMessageBytes));
    open = writer->Write(part);
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return CallError(status);
  return response;
}

void Report(const Invocation& invocation, const Candidate& candidate,
            const v1::AddDocumentResponse& response) {
  if (invocation.json) {
    PrintJson({{"file", candidate.path.string()},
               {"document", response.document_id()},
               {"accepted", response.accepted()},
               {"reason_code", response.reason_code()},
               {"reason", response.reason()},
               {"version", response.version()},
               {"chunks", response.chunks()},
               {"chunks_pending", response.chunks_pending()},
               {"embedding_status", EmbeddingStatus(response.chunks_pending())},
               {"unchanged", response.unchanged()},
               {"warnings",
                std::vector<std::string>(response.warnings().begin(), response.warnings().end())}});
    return;
  }
  const std::string name = Printable(candidate.path.string());
  if (response.accepted()) {
    const std::string state = DocumentState(response.chunks(), response.chunks_pending());
    std::printf("accepted  %s  (%d chunks%s%s)\n", name.c_str(), response.chunks(),
                response.unchanged() ? ", unchanged" : "",
                response.chunks_pending() > 0 ? (", " + state).c_str() : "");
  } else {
    std::printf("rejected  %s  %s: %s\n", name.c_str(), response.reason_code().c_str(),
                Printable(response.reason()).c_str());
  }
  for (const std::string& warning : response.warnings()) {
    std::printf("  warning: %s\n", Printable(warning).c_str());
  }
  std::fflush(stdout);
}

v1::AddDocumentResponse Rejection(const Candidate& candidate, const std::string& code,
                                  const std::string& reason) {
  v1::AddDocumentResponse response;
  response.set_document_id(candidate.header.document_id());
  response.set_reason_code(code);
  response.set_reason(reason);
  return response;
}

// Errors about one file leave the others going; errors about the connection, the base or the
// caller's rights end the command.
bool ConcernsOneFile(const Status& status) {
  return status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kResourceExhausted ||
         status.code() == StatusCode::kAlreadyExists;
}

Status RunAdd(const Invocation& invocation, const AddOptions& options) {
  v1::Label label;
  ASSIGN_OR_RETURN(const v1::Classification classification,
                   ParseClassification(options.classification));
  label.set_classification(classification);
  label.mutable_compartments()->Assign(options.compartments.begin(), options.compartments.end());
  label.mutable_groups()->Assign(options.groups.begin(), options.groups.end());
  std::vector<Candidate> candidates;
  if (!options.manifest.empty()) RETURN_IF_ERROR(ReadManifest(options, candidates));
  RETURN_IF_ERROR(WalkPaths(options, label, candidates));
  if (candidates.empty()) return InvalidArgument("nothing to add: name a PATH or a --manifest");

  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = v1::Knowledge::NewStub(connection->channel());
  ProgressBar progress(candidates.size());
  size_t accepted = 0;
  for (const Candidate& candidate : candidates) {
    v1::AddDocumentResponse response;
    if (!candidate.rejection.empty()) {
      response = Rejection(candidate, candidate.rejection_code, candidate.rejection);
    } else {
      StatusOr<v1::AddDocumentResponse> sent = Send(*connection, *stub, candidate);
      if (!sent.ok() && !ConcernsOneFile(sent.status())) return sent.status();
      response = sent.ok() ? *std::move(sent)
                           : Rejection(candidate, "invalid", StatusMessage(sent.status()));
    }
    accepted += response.accepted() ? 1 : 0;
    Report(invocation, candidate, response);
    progress.Advance(candidate.header.file_name());
  }
  const size_t rejected = candidates.size() - accepted;
  if (rejected > 0 && (options.strict || accepted == 0)) {
    return FailedPrecondition("{} of {} files were rejected", rejected, candidates.size());
  }
  return OkStatus();
}

}  // namespace

void AddKbAdd(CLI::App& kb, Invocation& invocation) {
  auto options = std::make_shared<AddOptions>();
  CLI::App* add = kb.add_subcommand("add", "Add files; returns when they are searchable");
  add->add_option("KB", options->kb)->required();
  add->add_option("PATH", options->paths, "Files, or folders to walk");
  add->add_option(
      "--manifest", options->manifest,
      "JSON lines: file, and optionally id, title, classification, compartments, groups");
  add->add_option("--classification", options->classification, "Label of what has none of its own")
      ->check(CLI::IsMember(ClassificationNames()))
      ->capture_default_str();
  add->add_option("--compartment", options->compartments, "May be given more than once")
      ->allow_extra_args(false);
  add->add_option("--group", options->groups, "May be given more than once")
      ->allow_extra_args(false);
  add->add_flag("--strict", options->strict, "Fail when any file is rejected");
  add->footer(
      "Fails when nothing was accepted; rejected files are reported one by one.\n\nExamples:\n"
      "  hadal kb add manuals ./manuals --classification internal\n"
      "  hadal kb add manuals --manifest corpus/manifest.jsonl -o json");
  add->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunAdd(invocation, *options); };
  });
}

}  // namespace hadal::cli
