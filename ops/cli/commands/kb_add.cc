#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/file.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_files.h"
#include "ops/cli/document_sender.h"
#include "ops/cli/folder_watch.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

struct AddOptions {
  DocumentSources sources;
  bool strict = false;
  bool watch = false;
  int watch_seconds = 5;
};

StatusOr<v1::AddDocumentResponse> SendFile(DocumentSender& sender, const DocumentFile& file) {
  if (!file.rejection.empty()) return Rejection(file, file.rejection_code, file.rejection);
  const auto read_and_send = [&]() -> StatusOr<v1::AddDocumentResponse> {
    ASSIGN_OR_RETURN(const std::string content, ReadFile(file.path, kMaxDocumentBytes));
    return sender.Send(file, content);
  };
  StatusOr<v1::AddDocumentResponse> sent = read_and_send();
  if (sent.ok() || !ConcernsOneFile(sent.status())) return sent;
  return Rejection(file, "invalid", StatusMessage(sent.status()));
}

Status RunAdd(const Invocation& invocation, const AddOptions& options) {
  if (options.sources.paths.empty() && options.sources.manifest.empty()) {
    return InvalidArgument("nothing to add: name a PATH or a --manifest");
  }
  if (options.watch) {
    return WatchFolders(invocation, options.sources, absl::Seconds(options.watch_seconds));
  }
  ASSIGN_OR_RETURN(const std::vector<DocumentFile> files, FindDocumentFiles(options.sources));
  if (files.empty()) return InvalidArgument("nothing to add: name a PATH or a --manifest");
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  DocumentSender sender(*connection);
  ProgressBar progress(files.size());
  size_t accepted = 0;
  for (const DocumentFile& file : files) {
    ASSIGN_OR_RETURN(const v1::AddDocumentResponse response, SendFile(sender, file));
    accepted += response.accepted() ? 1 : 0;
    ReportDocument(file, response, invocation.json);
    progress.Advance(file.header.file_name());
  }
  const size_t rejected = files.size() - accepted;
  if (rejected > 0 && (options.strict || accepted == 0)) {
    return FailedPrecondition("{} of {} files were rejected", rejected, files.size());
  }
  return OkStatus();
}

}  // namespace

void AddKbAdd(CLI::App& kb, Invocation& invocation) {
  auto options = std::make_shared<AddOptions>();
  DocumentSources& sources = options->sources;
  CLI::App* add = kb.add_subcommand("add", "Add files; returns when they are searchable");
  add->add_option("KB", sources.kb)->required();
  add->add_option("PATH", sources.paths, "Files, or folders to walk");
  add->add_option(
      "--manifest", sources.manifest,
      "JSON lines: file, and optionally id, title, classification, compartments, groups");
  add->add_option("--classification", sources.classification, "Label of what has none of its own")
      ->check(CLI::IsMember(ClassificationNames()))
      ->capture_default_str();
  add->add_option("--compartment", sources.compartments, "May be given more than once")
      ->allow_extra_args(false);
  add->add_option("--group", sources.groups, "May be given more than once")
      ->allow_extra_args(false);
  add->add_flag("--strict", options->strict, "Fail when any file is rejected");
  CLI::Option* watch = add->add_flag("--watch", options->watch,
                                     "Go on until interrupted: send what is new or has changed");
  add->add_option("--every", options->watch_seconds, "Seconds between two looks of --watch")
      ->check(CLI::Range(1, 3600))
      ->needs(watch)
      ->capture_default_str();
  add->footer(
      "Fails when nothing was accepted; rejected files are reported one by one.\n"
      "--watch sends a file when it was the same at two looks, and only reports what was removed.\n"
      "Started again, it sends what is not in the base as it is.\n\nExamples:\n"
      "  hadal kb add manuals ./manuals --classification internal\n"
      "  hadal kb add manuals --manifest corpus/manifest.jsonl -o json\n"
      "  hadal kb add manuals /mnt/share/manuals --watch");
  add->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunAdd(invocation, *options); };
  });
}

}  // namespace hadal::cli
