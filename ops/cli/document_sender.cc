#include "ops/cli/document_sender.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "ops/cli/document_state.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

constexpr size_t kMessageBytes = size_t{1} << 20;
constexpr absl::Duration kFileLimit = absl::Minutes(10);

}  // namespace

DocumentSender::DocumentSender(const Connection& connection)
    : connection_(connection), stub_(v1::Knowledge::NewStub(connection.channel())) {}

StatusOr<v1::AddDocumentResponse> DocumentSender::Send(const DocumentFile& file,
                                                       const std::string& content,
                                                       Interruption* interruption) {
  grpc::ClientContext context;
  connection_.Prepare(context, kFileLimit);
  std::optional<Interruption::Cancels> cancels;
  if (interruption != nullptr) cancels.emplace(*interruption, context);
  v1::AddDocumentResponse response;
  const auto writer = stub_->AddDocument(&context, &response);
  v1::AddDocumentRequest part;
  *part.mutable_header() = file.header;
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

v1::AddDocumentResponse Rejection(const DocumentFile& file, const std::string& code,
                                  const std::string& reason) {
  v1::AddDocumentResponse response;
  response.set_document_id(file.header.document_id());
  response.set_reason_code(code);
  response.set_reason(reason);
  return response;
}

bool ConcernsOneFile(const Status& status) {
  return status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kResourceExhausted ||
         status.code() == StatusCode::kAlreadyExists;
}

void ReportDocument(const DocumentFile& file, const v1::AddDocumentResponse& response, bool json) {
  if (json) {
    PrintJson({{"file", file.path},
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
  const std::string name = Printable(file.path);
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

}  // namespace hadal::cli
