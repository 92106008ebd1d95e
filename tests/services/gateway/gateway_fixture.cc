#include "tests/services/gateway/gateway_fixture.h"

#include <chrono>

#include "services/rpc/channel.h"

namespace hadal::gateway::testing {
namespace {

StatusOr<std::unique_ptr<rpc::RpcServer>> StartBackend(const std::string& data,
                                                       const std::string& name,
                                                       grpc::Service* service) {
  rpc::RpcServerOptions options;
  ASSIGN_OR_RETURN(options.credentials,
                   rpc::InternalServerCredentials(rpc::ServiceTlsFiles(data, name), {"gateway"}));
  ASSIGN_OR_RETURN(auto server, rpc::RpcServer::Start(options, {service}, {}));
  server->SetServing(true);
  return server;
}

}  // namespace

void GatewayFixture::AddUser(auth::IdentityStore& identities, const std::string& id,
                             const std::string& role, v1::Classification clearance) {
  store::v1::UserRecord user;
  user.set_id(id);
  user.set_clearance(clearance);
  user.add_roles(role);
  ASSERT_OK(identities.CreateUser(user));
  ASSERT_OK_AND_ASSIGN(const auth::NewKey key, identities.CreateKey(id, 0));
  keys_[id] = key.secret;
}

void GatewayFixture::SetUp() {
  ASSERT_OK_AND_ASSIGN(data_, TempDir::Create());
  const std::string& data = data_->path();
  ASSERT_OK(auth::EnsureAppliancePki(data + "/pki", {}, SystemClock()));
  ASSERT_OK_AND_ASSIGN(inference_server_, StartBackend(data, "inference", &inference_));
  ASSERT_OK_AND_ASSIGN(retrieval_server_, StartBackend(data, "retrieval", &retrieval_));

  GatewayStores stores;
  stores.clock = std::make_shared<SystemClock>();
  ASSERT_OK_AND_ASSIGN(stores.identities, auth::IdentityStore::Open(data + "/auth", stores.clock));
  AddUser(*stores.identities, "root", "admin", v1::CLASSIFICATION_SECRET);
  AddUser(*stores.identities, "reader", "user", v1::CLASSIFICATION_PUBLIC);
  AddUser(*stores.identities, "keeper", "curator", v1::CLASSIFICATION_INTERNAL);
  AddUser(*stores.identities, "auditor", "auditor", v1::CLASSIFICATION_PUBLIC);
  auto log = std::make_unique<FakeAuditLog>();
  log_ = log.get();
  stores.audit_log = std::move(log);

  GatewayConfig config;
  config.data_folder = data;
  config.inference_address = inference_server_->address();
  config.retrieval_address = retrieval_server_->address();
  config.https.worker_threads = 8;
  config.shutdown_grace = absl::Seconds(1);
  Configure(config);
  ASSERT_OK_AND_ASSIGN(gateway_, GatewayServer::Start(config, std::move(stores)));
  ASSERT_OK_AND_ASSIGN(channel_,
                       rpc::MakePublicChannel(gateway_->grpc_address(), data + "/pki/ca.pem"));
}

void GatewayFixture::TearDown() {
  channel_.reset();
  gateway_.reset();
}

std::unique_ptr<grpc::ClientContext> GatewayFixture::WithKey(const std::string& key) const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!key.empty()) context->AddMetadata("authorization", "Bearer " + key);
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  return context;
}

std::unique_ptr<grpc::ClientContext> GatewayFixture::As(const std::string& user) const {
  return WithKey(user.empty() ? "" : KeyOf(user));
}

std::unique_ptr<TlsClient> GatewayFixture::ConnectHttps() const {
  auto client = TlsClient::Connect(gateway_->https_address(), data_->path() + "/pki/ca.pem");
  EXPECT_OK(client);
  return client.ok() ? *std::move(client) : nullptr;
}

std::string GatewayFixture::Http(const std::string& method, const std::string& path,
                                 const std::string& key, const std::string& body) const {
  const auto client = ConnectHttps();
  std::string request =
      fmt::format("{} {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n",
                  method, path, body.size());
  if (!key.empty()) request += "Authorization: Bearer " + key + "\r\n";
  EXPECT_OK(client->Send(request + "\r\n" + body));
  return client->ReadToEnd(absl::Seconds(20));
}

bool GatewayFixture::Eventually(const std::function<bool()>& holds) {
  const absl::Time deadline = absl::Now() + absl::Seconds(15);
  while (!holds()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace hadal::gateway::testing
