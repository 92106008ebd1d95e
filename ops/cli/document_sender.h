#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_files.h"
#include "ops/cli/interruption.h"

namespace hadal::cli {

/// What the appliance takes at most, read before it is sent.
inline constexpr size_t kMaxDocumentBytes = size_t{64} << 20;

/// Sends files and tells what became of them. Thread-compatible.
class DocumentSender {
 public:
  explicit DocumentSender(const Connection& connection);

  /// An answer, or an error of the call. `interruption`: null, or what cancels the call.
  StatusOr<v1::AddDocumentResponse> Send(const DocumentFile& file, const std::string& content,
                                         Interruption* interruption = nullptr);

 private:
  const Connection& connection_;
  const std::unique_ptr<v1::Knowledge::Stub> stub_;
};

/// The answer to a file that was refused here, or whose call failed for its own fault.
v1::AddDocumentResponse Rejection(const DocumentFile& file, const std::string& code,
                                  const std::string& reason);

/// Errors about one file leave the others going; errors about the connection, the base or the
/// caller's rights do not.
bool ConcernsOneFile(const Status& status);

/// A line on standard output.
void ReportDocument(const DocumentFile& file, const v1::AddDocumentResponse& response, bool json);

}  // namespace hadal::cli
