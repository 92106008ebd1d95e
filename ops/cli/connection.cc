#include "ops/cli/connection.h"

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "base/file.h"
#include "services/rpc/channel.h"
#include "services/rpc/run_file.h"
#include "services/rpc/status.h"

namespace hadal::cli {

int ExitCode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return kExitOk;
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
      return kExitDenied;
    case StatusCode::kNotFound:
      return kExitNotFound;
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    default:
      return kExitFailure;
  }
}

namespace {

StatusOr<std::string> EndpointOf(const Invocation& invocation) {
  if (!invocation.endpoint.empty()) return invocation.endpoint;
  StatusOr<rpc::RunFile> run = rpc::ReadRunFile(invocation.data, "gateway");
  if (!run.ok() || !run->endpoints.contains("grpc")) {
    return Unavailable("no appliance runs in {}: start one with 'hadal up --data {}'",
                       invocation.data, invocation.data);
  }
  return run->endpoints["grpc"];
}

}  // namespace

StatusOr<std::string> ReadKeyFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, 1 << 16));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("key") && json["key"].is_string()) {
    return json["key"].get<std::string>();
  }
  const size_t end = text.find_last_not_of(" \t\r\n");
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return InvalidArgument("{} holds no API key", path);
  return text.substr(begin, end - begin + 1);
}

StatusOr<std::unique_ptr<Connection>> Connection::Open(const Invocation& invocation) {
  std::string key_file = invocation.key_file;
  if (key_file.empty()) {
    if (!invocation.endpoint.empty()) {
      return InvalidArgument("--endpoint needs --key-file with an API key");
    }
    key_file = invocation.data + "/admin/admin.key";
  }
  ASSIGN_OR_RETURN(const std::string endpoint, EndpointOf(invocation));
  ASSIGN_OR_RETURN(std::string key, ReadKeyFile(key_file));
  return Connect(invocation, endpoint, std::move(key));
}

StatusOr<std::unique_ptr<Connection>> Connection::OpenAs(const Invocation& invocation,
                                                         std::string key) {
  ASSIGN_OR_RETURN(const std::string endpoint, EndpointOf(invocation));
  return Connect(invocation, endpoint, std::move(key));
}

StatusOr<std::unique_ptr<Connection>> Connection::Connect(const Invocation& invocation,
                                                          const std::string& endpoint,
                                                          std::string key) {
  const std::string ca =
      invocation.ca_file.empty() ? invocation.data + "/pki/ca.pem" : invocation.ca_file;
  StatusOr<std::shared_ptr<grpc::Channel>> channel = rpc::MakePublicChannel(endpoint, ca);
  if (!channel.ok()) {
    return Annotate(channel.status(), "the gateway's CA is needed: give --ca-file or --data");
  }
  return std::unique_ptr<Connection>(new Connection(*std::move(channel), std::move(key)));
}

void Connection::Prepare(grpc::ClientContext& context, absl::Duration timeout) const {
  context.AddMetadata("authorization", "Bearer " + key_);
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

Status CallError(const grpc::Status& status) {
  const Status error = rpc::FromGrpc(status);
  if (error.code() == StatusCode::kUnavailable) {
    return Annotate(error, "the gateway cannot be reached or is not ready ('hadal status' tells)");
  }
  return error;
}

}  // namespace hadal::cli
