#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/interruption.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

constexpr size_t kMessageBytes = size_t{1} << 20;

/// An export to read from. Thread-compatible.
class Source {
 public:
  static StatusOr<Source> Open(const std::string& path) {
    if (path == "-") return Source("standard input", UniqueFd(::dup(STDIN_FILENO)), 0);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus("cannot read", path);
    struct stat info = {};
    if (::fstat(fd.get(), &info) != 0) return ErrnoStatus("cannot read", path);
    if (S_ISDIR(info.st_mode)) return InvalidArgument("{} is a folder, expected an export", path);
    return Source(path, std::move(fd), S_ISREG(info.st_mode) ? info.st_size : 0);
  }

  int64_t size_bytes() const { return size_bytes_; }  // 0: not known

  /// Empty at the end.
  StatusOr<std::string> Next() {
    std::string part(kMessageBytes, '\0');
    ssize_t got = -1;
    do {
      got = ::read(fd_.get(), part.data(), part.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return ErrnoStatus("cannot read", path_);
    part.resize(static_cast<size_t>(got));
    return part;
  }

 private:
  Source(std::string path, UniqueFd fd, int64_t size_bytes)
      : path_(std::move(path)), fd_(std::move(fd)), size_bytes_(size_bytes) {}
  std::string path_;
  UniqueFd fd_;
  int64_t size_bytes_;
};

StatusOr<v1::KnowledgeBase> Send(const Invocation& invocation, const std::string& id,
                                 Source& source) {
  Interruption interruption;
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = v1::Knowledge::NewStub(connection->channel());
  grpc::ClientContext context;
  connection->Prepare(context, kLongCall);
  const Interruption::Cancels cancels(interruption, context);
  v1::KnowledgeBase base;
  const auto writer = stub->ImportKnowledgeBase(&context, &base);
  v1::ImportKnowledgeBaseRequest message;
  message.set_id(id);
  // A write that fails means that the gateway has ended the call: Finish() says why.
  bool open = writer->Write(message);
  ByteProgress progress(source.size_bytes());
  int64_t bytes = 0;
  while (open) {
    StatusOr<std::string> part = source.Next();
    if (!part.ok()) {
      context.TryCancel();
      (void)writer->Finish();
      return part.status();
    }
    if (part->empty()) break;
    bytes += static_cast<int64_t>(part->size());
    message.set_data(*std::move(part));
    open = writer->Write(message);
    progress.Show(bytes);
  }
  writer->WritesDone();
  const grpc::Status ended = writer->Finish();
  if (interruption.requested() && !ended.ok()) {
    return Cancelled("interrupted: nothing was imported");
  }
  if (!ended.ok()) return CallError(ended);
  return base;
}

Status RunImport(const Invocation& invocation, const std::string& id, const std::string& path) {
  ASSIGN_OR_RETURN(Source source, Source::Open(path));
  ASSIGN_OR_RETURN(const v1::KnowledgeBase base, Send(invocation, id, source));
  if (invocation.json) {
    PrintJson({{"id", base.id()}, {"documents", base.documents()}, {"chunks", base.chunks()}});
  } else {
    std::printf("imported  %s: %lld documents, %lld chunks\n", Printable(base.id()).c_str(),
                static_cast<long long>(base.documents()), static_cast<long long>(base.chunks()));
  }
  return OkStatus();
}

}  // namespace

void AddKbImport(CLI::App& kb, Invocation& invocation) {
  auto id = std::make_shared<std::string>();
  auto path = std::make_shared<std::string>();
  CLI::App* command = kb.add_subcommand("import", "Make a base of what `kb export` wrote");
  command->add_option("KB", *id, "Its id, which must not be there")->required();
  command->add_option("FILE", *path, "- is standard input")->required();
  command->footer(
      "Documents come with their labels, versions and vectors: nothing is read or embedded again.\n"
      "The embedding model must be the same. A file that is damaged or cut short leaves nothing.\n"
      "\nExample:\n  hadal kb import manuals-copy manuals.hadalkb");
  command->callback([&invocation, id, path] {
    invocation.run = [&invocation, id, path] { return RunImport(invocation, *id, *path); };
  });
}

}  // namespace hadal::cli
