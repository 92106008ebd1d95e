#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "services/gateway/config.h"

namespace hadal::gateway {

/// The gateway: identities, audit log, filters, and both public protocols in front of the retrieval
/// and inference services. Thread-safe.
class GatewayServer {
 public:
  /// Opens what is under the data folder, listens, and writes DATA/run/gateway.json. The other
  /// services need not run yet: until they do, requests that need them get UNAVAILABLE.
  static StatusOr<std::unique_ptr<GatewayServer>> Start(const GatewayConfig& config);
  ~GatewayServer();

  const std::string& grpc_address() const;
  const std::string& https_address() const;
  /// Ends both servers; running requests have the configured grace.
  void Shutdown();

 private:
  struct State;
  explicit GatewayServer(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace hadal::gateway
