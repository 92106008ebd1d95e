#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/status.h"
#include "ops/cli/invocation.h"

namespace hadal::cli {

/// A channel to the gateway with the caller's API key. Thread-safe.
class Connection {
 public:
  /// From --endpoint, or from the run file of the appliance under --data. UNAVAILABLE says how to
  /// start it.
  static StatusOr<std::unique_ptr<Connection>> Open(const Invocation& invocation);
  /// The same with another API key.
  static StatusOr<std::unique_ptr<Connection>> OpenAs(const Invocation& invocation,
                                                      std::string key);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  /// Puts the key and the deadline on a call.
  void Prepare(grpc::ClientContext& context, absl::Duration timeout) const;

 private:
  static StatusOr<std::unique_ptr<Connection>> Connect(const Invocation& invocation,
                                                       const std::string& endpoint,
                                                       std::string key);
  Connection(std::shared_ptr<grpc::Channel> channel, std::string key)
      : channel_(std::move(channel)), key_(std::move(key)) {}
  const std::shared_ptr<grpc::Channel> channel_;
  const std::string key_;
};

/// One unary call: Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::Search, request).
template <typename Service, typename Stub, typename Request, typename Response>
StatusOr<Response> Call(const Invocation& invocation,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request, absl::Duration timeout = absl::Minutes(2));

/// Calls on models and whole bases take as long as these are large.
inline constexpr absl::Duration kLongCall = absl::Hours(24);

/// The key in a file: its text, or the "key" of the JSON that `key create -o json` printed.
StatusOr<std::string> ReadKeyFile(const std::string& path);

/// A failed call as a Status that says what to do about it.
Status CallError(const grpc::Status& status);

template <typename Service, typename Stub, typename Request, typename Response>
StatusOr<Response> Call(const Invocation& invocation,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request, absl::Duration timeout) {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = Service::NewStub(connection->channel());
  grpc::ClientContext context;
  connection->Prepare(context, timeout);
  Response response;
  const grpc::Status status = (stub.get()->*method)(&context, request, &response);
  if (!status.ok()) return CallError(status);
  return response;
}

}  // namespace hadal::cli
