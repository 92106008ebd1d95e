#include "services/gateway/server.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "auth/identity_store.h"
#include "base/log.h"
#include "services/answer/answerer.h"
#include "services/gateway/http/router.h"
#include "services/gateway/http/routes/chat_route.h"
#include "services/gateway/http/routes/embeddings_route.h"
#include "services/gateway/http/routes/models_route.h"
#include "services/gateway/rpc_api/admin_service.h"
#include "services/gateway/rpc_api/assistant_service.h"
#include "services/gateway/rpc_api/audit_service.h"
#include "services/gateway/rpc_api/knowledge_service.h"
#include "services/gateway/rpc_api/models_service.h"
#include "services/gateway/rpc_api/record_guard.h"
#include "services/gateway/work/tenant_secret.h"
#include "services/rpc/channel.h"
#include "services/rpc/run_file.h"
#include "services/rpc/server.h"
#include "services/rpc/tls.h"

namespace hadal::gateway {
namespace {

answer::AnswererOptions AnswererOptionsOf(const GatewayConfig& config) {
  answer::AnswererOptions options;
  options.top_k = config.ask_top_k;
  options.max_context_tokens = config.ask_max_context_tokens;
  options.max_answer_tokens = config.ask_max_answer_tokens;
  return options;
}

}  // namespace

StatusOr<GatewayStores> OpenStores(const GatewayConfig& config) {
  GatewayStores stores;
  stores.clock = std::make_shared<SystemClock>();
  ASSIGN_OR_RETURN(stores.identities,
                   auth::IdentityStore::Open(config.data_folder + "/auth", stores.clock));
  auth::AuditLogOptions options;
  options.folder = config.data_folder + "/audit";
  options.min_free_bytes = config.audit_min_free_bytes;
  ASSIGN_OR_RETURN(stores.audit_log, auth::AuditLog::Open(options));
  return stores;
}

// Members in the order of their dependencies: destroyed from the servers down.
struct GatewayServer::State {
  GatewayConfig config;
  GatewayStores stores;
  std::unique_ptr<TenantSecret> tenants;
  std::unique_ptr<QuotaLimiter> quota;
  std::unique_ptr<Admission> admission;

  std::unique_ptr<InferenceClient> inference;
  std::unique_ptr<ModelAdminClient> models;
  std::unique_ptr<RetrievalClient> retrieval;
  std::vector<std::unique_ptr<HealthProbe>> probes;
  std::unique_ptr<answer::Answerer> answerer;
  std::unique_ptr<AskPipeline> ask;
  std::unique_ptr<ChatPipeline> chat;

  std::unique_ptr<RecordGuard> guard;
  std::unique_ptr<AssistantService> assistant_service;
  std::unique_ptr<KnowledgeService> knowledge_service;
  std::unique_ptr<ModelsService> models_service;
  std::unique_ptr<AdminService> admin_service;
  std::unique_ptr<AuditService> audit_service;
  std::unique_ptr<Router> router;
  std::unique_ptr<rpc::RpcServer> grpc_server;
  std::unique_ptr<HttpsServer> https_server;

  Status BuildFilters();
  Status ConnectServices();
  void BuildWork();
  void BuildServices();
  void BuildRouter();
  Status Listen();
  Status WriteRunFile() const;
};

Status GatewayServer::State::BuildFilters() {
  ASSIGN_OR_RETURN(tenants, TenantSecret::Open(config.data_folder + "/auth/cache_namespace.key"));
  quota = std::make_unique<QuotaLimiter>(config.quota, stores.clock);
  admission = std::make_unique<Admission>(
      Admission::Dependencies{stores.identities.get(), stores.identities.get(),
                              stores.audit_log.get(), quota.get(), stores.clock.get()});
  return OkStatus();
}

Status GatewayServer::State::ConnectServices() {
  const rpc::TlsFiles files = rpc::ServiceTlsFiles(config.data_folder, "gateway");
  ASSIGN_OR_RETURN(auto inference_channel,
                   rpc::MakeInternalChannel(config.inference_address, "inference", files));
  ASSIGN_OR_RETURN(auto retrieval_channel,
                   rpc::MakeInternalChannel(config.retrieval_address, "retrieval", files));
  inference = std::make_unique<InferenceClient>(inference_channel);
  models = std::make_unique<ModelAdminClient>(inference_channel);
  retrieval = std::make_unique<RetrievalClient>(retrieval_channel);
  probes.push_back(std::make_unique<HealthProbe>("retrieval", config.retrieval_address,
                                                 std::move(retrieval_channel)));
  probes.push_back(std::make_unique<HealthProbe>("inference", config.inference_address,
                                                 std::move(inference_channel)));
  return OkStatus();
}

void GatewayServer::State::BuildWork() {
  answerer = answer::Answerer::Create(AnswererOptionsOf(config));
  ask = std::make_unique<AskPipeline>(
      AskPipeline::Dependencies{retrieval.get(), inference.get(), answerer.get(), tenants.get(),
                                config.ask_top_k, config.chat.max_tokens});
  chat = std::make_unique<ChatPipeline>(ChatPipeline::Dependencies{inference.get(), tenants.get()});
}

void GatewayServer::State::BuildServices() {
  guard = std::make_unique<RecordGuard>(admission.get());
  const ServeEnvironment environment{admission.get(), guard.get(), config.request_timeout};
  assistant_service = std::make_unique<AssistantService>(environment, ask.get());
  knowledge_service =
      std::make_unique<KnowledgeService>(environment, retrieval.get(), config.max_document_bytes);
  models_service =
      std::make_unique<ModelsService>(environment, inference.get(), models.get(),
                                      config.embeddings.max_inputs);
  AdminService::Dependencies dependencies{stores.identities.get(), inference.get(), {}};
  for (const auto& probe : probes) dependencies.services.push_back(probe.get());
  admin_service = std::make_unique<AdminService>(environment, std::move(dependencies));
  audit_service = std::make_unique<AuditService>(environment, stores.audit_log.get());
}

void GatewayServer::State::BuildRouter() {
  std::vector<std::unique_ptr<Route>> routes;
  routes.push_back(std::make_unique<ListModelsRoute>(inference.get(), retrieval.get()));
  routes.push_back(std::make_unique<GetModelRoute>(inference.get(), retrieval.get()));
  routes.push_back(
      std::make_unique<ChatRoute>(ask.get(), chat.get(), stores.clock.get(), config.chat));
  routes.push_back(std::make_unique<EmbeddingsRoute>(inference.get(), config.embeddings));
  router = std::make_unique<Router>(admission.get(), std::move(routes));
}

Status GatewayServer::State::Listen() {
  const rpc::TlsFiles files = rpc::ServiceTlsFiles(config.data_folder, "gateway");
  HttpsOptions https = config.https;
  https.certificate_file = files.certificate;
  https.key_file = files.key;
  https.request_timeout = config.request_timeout;
  ASSIGN_OR_RETURN(https_server, HttpsServer::Start(https, router.get()));

  rpc::RpcServerOptions options;
  options.listen = config.grpc_listen;
  options.max_threads = config.grpc_max_threads;
  options.extend = [this](grpc::ServerBuilder& builder) { guard->Install(builder); };
  ASSIGN_OR_RETURN(options.credentials, rpc::PublicServerCredentials(files));
  ASSIGN_OR_RETURN(
      grpc_server,
      rpc::RpcServer::Start(options,
                            {assistant_service.get(), knowledge_service.get(), models_service.get(),
                             admin_service.get(), audit_service.get()},
                            {"hadal.v1.Assistant", "hadal.v1.Knowledge", "hadal.v1.Models",
                             "hadal.v1.Admin", "hadal.v1.Audit"}));
  admin_service->SetEndpoints(grpc_server->address(), https_server->address());
  grpc_server->SetServing(true);
  return OkStatus();
}

Status GatewayServer::State::WriteRunFile() const {
  rpc::RunFile run_file;
  run_file.pid = getpid();
  run_file.endpoints = {{"grpc", grpc_server->address()}, {"https", https_server->address()}};
  return rpc::WriteRunFile(config.data_folder, "gateway", run_file);
}

StatusOr<std::unique_ptr<GatewayServer>> GatewayServer::Start(const GatewayConfig& config,
                                                              GatewayStores stores) {
  auto state = std::make_unique<State>();
  state->config = config;
  state->stores = std::move(stores);
  RETURN_IF_ERROR(state->BuildFilters());
  RETURN_IF_ERROR(state->ConnectServices());
  state->BuildWork();
  state->BuildServices();
  state->BuildRouter();
  RETURN_IF_ERROR(state->Listen());
  RETURN_IF_ERROR(state->WriteRunFile());
  LogInfo("gRPC on {}, HTTPS on {}", state->grpc_server->address(), state->https_server->address());
  return std::unique_ptr<GatewayServer>(new GatewayServer(std::move(state)));
}

GatewayServer::GatewayServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GatewayServer::~GatewayServer() { Shutdown(); }

const std::string& GatewayServer::grpc_address() const { return state_->grpc_server->address(); }
const std::string& GatewayServer::https_address() const { return state_->https_server->address(); }

void GatewayServer::Shutdown() {
  state_->grpc_server->SetServing(false);
  state_->https_server->Shutdown(state_->config.shutdown_grace);
  state_->grpc_server->Shutdown(state_->config.shutdown_grace);
}

}  // namespace hadal::gateway
