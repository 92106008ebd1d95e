#include "ops/cli/folder_watch.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_sender.h"
#include "ops/cli/interruption.h"
#include "ops/cli/output.h"
#include "ops/cli/watch_list.h"

namespace hadal::cli {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

std::multiset<std::string> Sorted(const Names& names) { return {names.begin(), names.end()}; }

bool SameLabel(const v1::Label& a, const v1::Label& b) {
  return a.classification() == b.classification() &&
         Sorted(a.compartments()) == Sorted(b.compartments()) &&
         Sorted(a.groups()) == Sorted(b.groups());
}

/// What is worth another try: the appliance or the folder is away, or busy.
bool MayPass(const Status& status) {
  return status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded ||
         status.code() == StatusCode::kResourceExhausted;
}

class FolderWatch {
 public:
  FolderWatch(const Invocation& invocation, const DocumentSources& sources)
      : json_(invocation.json), sources_(sources) {}

  Status Run(const Invocation& invocation, absl::Duration pause) {
    while (!interruption_.requested()) {
      Status status = OkStatus();
      if (connection_ == nullptr) status = Connect(invocation);
      if (status.ok()) status = LookAndSend();
      if (interruption_.requested()) break;
      if (!status.ok() && !MayPass(status)) return status;
      Tell(status);
      interruption_.Pause(pause);
    }
    std::fprintf(stderr, "stopped: %zu files sent, %zu rejected\n", sent_, rejected_);
    return OkStatus();
  }

 private:
  Status Connect(const Invocation& invocation) {
    ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(invocation));
    RETURN_IF_ERROR(ReadBase(*connection));
    connection_ = std::move(connection);
    sender_ = std::make_unique<DocumentSender>(*connection_);
    return OkStatus();
  }

  /// What the base has already, as far as the caller may read it; the rest is sent, and found to be
  /// unchanged there.
  Status ReadBase(const Connection& connection) {
    const auto stub = v1::Knowledge::NewStub(connection.channel());
    v1::ListDocumentsRequest request;
    request.set_knowledge_base(sources_.kb);
    request.set_page_size(1000);
    known_.clear();
    do {
      grpc::ClientContext context;
      connection.Prepare(context, absl::Minutes(2));
      const Interruption::Cancels cancels(interruption_, context);
      v1::ListDocumentsResponse page;
      const grpc::Status status = stub->ListDocuments(&context, request, &page);
      if (!status.ok()) return CallError(status);
      for (v1::Document& document : *page.mutable_documents()) {
        document.clear_fields();  // what is not compared would only take memory
        document.clear_warnings();
        const std::string id = document.id();
        known_[id] = std::move(document);
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return OkStatus();
  }

  Status LookAndSend() {
    for (const std::string& path : sources_.paths) {
      // Else every file of a share that is not mounted would count as removed.
      std::error_code error;
      if (!std::filesystem::exists(path, error)) return Unavailable("{} is not there", path);
    }
    ASSIGN_OR_RETURN(const std::vector<DocumentFile> files, FindDocumentFiles(sources_));
    std::map<std::string, FileMark> marks;
    std::map<std::string, const DocumentFile*> by_name;
    for (const DocumentFile& file : files) {
      if (!file.rejection.empty()) {
        if (refused_.insert(file.path + '\n' + file.rejection_code).second) {
          Report(file, Rejection(file, file.rejection_code, file.rejection));
        }
        continue;
      }
      StatusOr<FileMark> mark = MarkOf(file.path, file.header.SerializeAsString());
      if (absl::IsNotFound(mark.status())) continue;  // removed since the walk
      RETURN_IF_ERROR(mark.status());
      const std::string name = file.path + '\n' + file.header.document_id();
      marks.emplace(name, *std::move(mark));
      by_name.emplace(name, &file);
    }
    const WatchList::Changes changes = list_.Look(marks);
    for (const std::string& name : changes.gone) ReportGone(name);
    ProgressBar progress(changes.settled.size());
    for (const std::string& name : changes.settled) {
      const DocumentFile& file = *by_name.at(name);
      RETURN_IF_ERROR(Take(file, name, marks.at(name)));
      progress.Advance(file.header.file_name());
    }
    return OkStatus();
  }

  Status Take(const DocumentFile& file, const std::string& name, const FileMark& mark) {
    StatusOr<std::string> content = ReadFile(file.path, kMaxDocumentBytes);
    const StatusOr<FileMark> after = MarkOf(file.path, mark.settings);
    if (!after.ok() || *after != mark) return OkStatus();  // it changes again: the next look tells
    if (!content.ok()) {
      Report(file, Rejection(file, "unreadable_file", StatusMessage(content.status())));
    } else if (!IsInBase(file, *content)) {
      StatusOr<v1::AddDocumentResponse> response = sender_->Send(file, *content, &interruption_);
      // RESOURCE_EXHAUSTED of a call is a quota, not the file: it passes.
      const bool fault = absl::IsInvalidArgument(response.status());
      if (!response.ok() && !fault) {
        // An appliance that comes back may listen elsewhere.
        if (absl::IsUnavailable(response.status())) connection_ = nullptr;
        return response.status();
      }
      known_.erase(file.header.document_id());
      Report(file, fault ? Rejection(file, "invalid", StatusMessage(response.status()))
                         : *std::move(response));
    }
    list_.Done(name, mark);
    return OkStatus();
  }

  /// As it is, read or refused: only a change makes it worth sending.
  bool IsInBase(const DocumentFile& file, const std::string& content) const {
    const auto it = known_.find(file.header.document_id());
    if (it == known_.end()) return false;
    const v1::Document& known = it->second;
    const bool waits = known.has_upload();
    const v1::DocumentHeader& header = file.header;
    return (waits ? known.upload().sha256() : known.sha256()) == HexEncode(auth::Sha256(content)) &&
           SameLabel(waits ? known.upload().label() : known.label(), header.label()) &&
           known.file_name() == header.file_name() &&
           (header.title().empty() || known.title() == header.title());
  }

  void Report(const DocumentFile& file, const v1::AddDocumentResponse& response) {
    ++(response.accepted() ? sent_ : rejected_);
    ReportDocument(file, response, json_);
  }

  void ReportGone(const std::string& name) const {
    const size_t end = name.rfind('\n');
    const std::string path = name.substr(0, end);
    const std::string document = name.substr(end + 1);
    if (json_) {
      PrintJson({{"file", path}, {"document", document}, {"gone", true}});
      return;
    }
    std::printf("gone      %s  (the document stays: `hadal kb rm %s %s` removes it)\n",
                Printable(path).c_str(), sources_.kb.c_str(), Printable(document).c_str());
    std::fflush(stdout);
  }

  /// Once, until something else is the case.
  void Tell(const Status& status) {
    const std::string text = status.ok() ? "" : StatusMessage(status);
    if (text == told_) return;
    told_ = text;
    std::fprintf(stderr, "%s\n",
                 text.empty() ? "going on" : (Printable(text) + ": waiting").c_str());
  }

  Interruption interruption_;  // first: before any thread
  const bool json_;
  const DocumentSources sources_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<DocumentSender> sender_;
  std::map<std::string, v1::Document> known_;  // what was in the base at first, by id
  WatchList list_;
  std::set<std::string> refused_;
  std::string told_;
  size_t sent_ = 0;
  size_t rejected_ = 0;
};

}  // namespace

Status WatchFolders(const Invocation& invocation, const DocumentSources& sources,
                    absl::Duration pause) {
  return FolderWatch(invocation, sources).Run(invocation, pause);
}

}  // namespace hadal::cli
