#include "services/inference/server.h"

#include <unistd.h>

#include <utility>

#include "base/log.h"
#include "services/inference/model_admin_service.h"
#include "services/inference/model_digests.h"
#include "services/inference/model_host.h"
#include "services/inference/service.h"
#include "services/rpc/run_file.h"
#include "services/rpc/server.h"
#include "services/rpc/tls.h"

namespace hadal::inference_service {
namespace {

/// Running answers may end by themselves for so long at shutdown.
constexpr absl::Duration kShutdownGrace = absl::Seconds(5);

StatusOr<std::unique_ptr<rpc::RpcServer>> Listen(const InferenceConfig& config,
                                                 InferenceService* service,
                                                 ModelAdminService* admin) {
  rpc::RpcServerOptions options;
  options.listen = config.listen;
  options.max_threads = static_cast<int>(config.max_calls);
  StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = rpc::InternalServerCredentials(
      rpc::ServiceTlsFiles(config.data_folder, "inference"), {"gateway", "retrieval"});
  if (!credentials.ok()) {
    return Annotate(credentials.status(),
                    fmt::format("no certificate to serve with; make it with hadal-gateway init "
                                "--data {}",
                                config.data_folder));
  }
  options.credentials = *std::move(credentials);
  return rpc::RpcServer::Start(options, {service, admin},
                               {internal::v1::Inference::service_full_name(),
                                internal::v1::ModelAdmin::service_full_name()});
}

}  // namespace

struct InferenceServer::Parts {
  std::shared_ptr<inference::RankGroup> ranks;  ///< may be null
  std::unique_ptr<ModelHost> host;
  InferenceService service;
  std::unique_ptr<ModelAdminService> admin;
  std::unique_ptr<rpc::RpcServer> rpc;  ///< destroyed before the services it calls
};

InferenceServer::InferenceServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

InferenceServer::~InferenceServer() {
  parts_->rpc->Shutdown(kShutdownGrace);
  if (parts_->ranks == nullptr) return;
  if (const Status left = parts_->ranks->Leave(); !left.ok()) {
    LogError("{}", StatusMessage(left));
  }
}

const std::string& InferenceServer::address() const { return parts_->rpc->address(); }

StatusOr<std::unique_ptr<InferenceServer>> InferenceServer::Start(
    const InferenceConfig& config, std::shared_ptr<inference::RankGroup> ranks,
    std::function<void()> on_failure) {
  RETURN_IF_ERROR(ValidateConfig(config));
  ASSIGN_OR_RETURN(const std::vector<ModelEntry> entries, ModelsToServe(config));
  auto parts = std::make_unique<Parts>();
  const auto served = std::make_shared<ServedModels>();
  ASSIGN_OR_RETURN(parts->host, ModelHost::Create(config, served, ranks));
  parts->admin = std::make_unique<ModelAdminService>(parts->host.get());
  ASSIGN_OR_RETURN(parts->rpc, Listen(config, &parts->service, parts->admin.get()));
  rpc::RunFile run_file;
  run_file.pid = ::getpid();
  run_file.endpoints["grpc"] = parts->rpc->address();
  RETURN_IF_ERROR(rpc::WriteRunFile(config.data_folder, "inference", run_file));

  std::vector<std::string> paths;
  for (const ModelEntry& entry : entries) {
    ASSIGN_OR_RETURN(const ModelSource source, SourceOf(entry));
    if (!source.stored) paths.push_back(entry.path);  // others are checked as they load
  }
  auto digests = std::make_shared<ModelDigests>(std::move(paths),
                                                config.data_folder + "/run/model_digests.json");
  RETURN_IF_ERROR(parts->host->LoadAtStart());
  parts->service.Serve(served, std::move(digests));
  parts->rpc->SetServing(true);
  if (ranks != nullptr) {
    parts->ranks = ranks;
    RETURN_IF_ERROR(ranks->Lead([rpc = parts->rpc.get(), on_failure](const Status& failure) {
      LogError("{}", StatusMessage(failure));
      rpc->SetServing(false);
      if (on_failure) on_failure();
    }));
    LogInfo("leading {} ranks", ranks->size());
  }
  LogInfo("serving {} models on {}", served->all().size(), parts->rpc->address());
  return std::unique_ptr<InferenceServer>(new InferenceServer(std::move(parts)));
}

Status RunFollower(const InferenceConfig& config, inference::RankGroup& ranks) {
  RETURN_IF_ERROR(ValidateConfig(config));
  ASSIGN_OR_RETURN(const std::vector<ModelEntry> entries, ModelsToServe(config));
  const auto pool = inference::MakeThreadPool(static_cast<int32_t>(config.threads));
  for (const ModelEntry& entry : entries) {
    if (entry.kind != ModelKind::kChat) continue;  // the leader's alone
    ASSIGN_OR_RETURN(const ModelSource source, SourceOf(entry));
    if (source.stored) {
      const model_store::StoredModel& stored = *source.stored;
      RETURN_IF_ERROR(model_store::RequireFiles(stored.folder, stored.manifest,
                                                [](int64_t) { return true; }));
    }
    RETURN_IF_ERROR(Annotate(ranks.LoadAsFollower(source.entry.path, EngineOptionsOf(config), pool),
                             source.entry.path));
  }
  LogInfo("rank {} of {} follows", ranks.rank(), ranks.size());
  RETURN_IF_ERROR(ranks.Follow());
  return ranks.Leave();
}

}  // namespace hadal::inference_service
