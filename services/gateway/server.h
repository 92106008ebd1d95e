#pragma once

#include <memory>
#include <string>

#include "auth/audit_log.h"
#include "auth/identity_store.h"
#include "base/clock.h"
#include "base/status.h"
#include "services/gateway/config.h"

namespace hadal::gateway {

/// What the gateway keeps under the data folder.
struct GatewayStores {
  std::unique_ptr<auth::IdentityStore> identities;
  std::unique_ptr<auth::AuditLog> audit_log;
  std::shared_ptr<const Clock> clock;
};

/// DATA/auth and DATA/audit.
StatusOr<GatewayStores> OpenStores(const GatewayConfig& config);

/// The gateway: identities, audit log, filters, and both public protocols in front of the retrieval
/// and inference services. Thread-safe.
class GatewayServer {
 public:
  /// Listens, and writes DATA/run/gateway.json. The other services need not run yet: until they do,
  /// requests that need them get UNAVAILABLE.
  static StatusOr<std::unique_ptr<GatewayServer>> Start(const GatewayConfig& config,
                                                        GatewayStores stores);
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
