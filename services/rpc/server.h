#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/status.h"
#include "services/rpc/health.h"

namespace grpc {
class ServerBuilder;
}

namespace hadal::rpc {

struct RpcServerOptions {
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT; port 0: any free one
  std::shared_ptr<grpc::ServerCredentials> credentials;
  int max_threads = 64;  ///< calls at once; more wait in gRPC's queue
  /// Interceptors and a generic service, where a server wants them; may be empty.
  std::function<void(grpc::ServerBuilder&)> extend;
};

/// A gRPC server with health and reflection, not serving until SetServing(true).
/// Thread-safe.
class RpcServer {
 public:
  /// The services must outlive the server. UNAVAILABLE when the address cannot be bound.
  static StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                    const std::vector<grpc::Service*>& services,
                                                    const std::vector<std::string>& service_names);
  ~RpcServer();

  /// HOST:PORT with the port really bound.
  const std::string& address() const { return address_; }
  void SetServing(bool serving) { health_.SetServing(serving); }
  /// Refuses new calls, lets running ones end until `grace` is over, then cancels them.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer() = default;
  HealthService health_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace hadal::rpc
