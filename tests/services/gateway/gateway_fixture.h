#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>

#include "auth/mtls/pki.h"
#include "base/file.h"
#include "services/gateway/server.h"
#include "services/rpc/server.h"
#include "tests/services/gateway/fake_audit_log.h"
#include "tests/services/gateway/fake_backends.h"
#include "tests/services/gateway/tls_client.h"
#include "tests/support/status_matchers.h"

namespace hadal::gateway::testing {

/// The whole gateway over real TLS, with the real identity store, in front of fake services and an
/// audit log that fails when told to. Users: "root" (admin, secret), "reader" (user, public),
/// "keeper" (curator, internal), "auditor".
class GatewayFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  /// Called before the gateway starts.
  virtual void Configure(GatewayConfig&) {}

  std::string KeyOf(const std::string& user) const { return keys_.at(user); }
  /// A client context with the user's key ("": none) and a deadline of 20 s.
  std::unique_ptr<grpc::ClientContext> As(const std::string& user) const;
  std::unique_ptr<grpc::ClientContext> WithKey(const std::string& key) const;

  std::unique_ptr<TlsClient> ConnectHttps() const;
  /// One request with Connection: close; the whole answer.
  std::string Http(const std::string& method, const std::string& path, const std::string& key,
                   const std::string& body) const;
  std::vector<store::v1::AuditRecord> records() const { return log_->records(); }
  store::v1::AuditRecord LastRecord() const { return log_->records().back(); }
  static bool Eventually(const std::function<bool()>& holds);

  std::unique_ptr<TempDir> data_;
  FakeInference inference_;
  FakeRetrieval retrieval_;
  std::unique_ptr<rpc::RpcServer> inference_server_;
  std::unique_ptr<rpc::RpcServer> retrieval_server_;
  FakeAuditLog* log_ = nullptr;  // the gateway's
  std::unique_ptr<GatewayServer> gateway_;
  std::shared_ptr<grpc::Channel> channel_;

 private:
  void AddUser(auth::IdentityStore& identities, const std::string& id, const std::string& role,
               v1::Classification clearance);
  std::map<std::string, std::string> keys_;
};

}  // namespace hadal::gateway::testing
