#include "services/retrieval/server.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/log.h"
#include "services/parser/parser_pool.h"
#include "services/retrieval/inference_embedder.h"
#include "services/retrieval/key_ring_cipher.h"
#include "services/retrieval/service.h"
#include "services/rpc/channel.h"
#include "services/rpc/run_file.h"
#include "services/rpc/server.h"
#include "services/rpc/tls.h"

namespace hadal::retrieval_service {
namespace {

/// Running uploads may end by themselves for so long at shutdown.
constexpr absl::Duration kShutdownGrace = absl::Seconds(5);
constexpr absl::Duration kRetryPause = absl::Milliseconds(200);
constexpr char kServiceName[] = "retrieval";

std::string BesideThisProgram(const std::string& name) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? name : (own.parent_path() / name).string();
}

StatusOr<std::shared_ptr<const Ingest>> MakeIngest(const RetrievalConfig& config) {
  parser::ParserPoolOptions pool_options;
  pool_options.program =
      config.parser_program.empty() ? BesideThisProgram("hadal-parser") : config.parser_program;
  pool_options.max_processes = static_cast<int32_t>(config.parser_processes);
  pool_options.time_limit = absl::Seconds(config.parse_seconds);
  pool_options.max_file_bytes = config.max_document_bytes;
  ASSIGN_OR_RETURN(std::shared_ptr<parser::ParserPool> pool,
                   parser::ParserPool::Create(pool_options));
  IngestOptions options;
  options.max_document_bytes = config.max_document_bytes;
  options.max_chunks_per_document = config.max_chunks_per_document;
  options.chunker = ChunkerOptionsOf(config);
  ASSIGN_OR_RETURN(std::shared_ptr<const retrieval::TextFolder> folder,
                   retrieval::TextFolder::Create());
  return std::make_shared<const Ingest>(options, std::move(pool), std::move(folder));
}

StatusOr<std::unique_ptr<rpc::RpcServer>> Listen(const RetrievalConfig& config,
                                                 RetrievalService* service) {
  rpc::RpcServerOptions options;
  options.listen = config.listen;
  options.max_threads = static_cast<int>(config.max_calls);
  ASSIGN_OR_RETURN(options.credentials,
                   rpc::InternalServerCredentials(
                       rpc::ServiceTlsFiles(config.data_folder, kServiceName), {"gateway"}));
  return rpc::RpcServer::Start(options, {service}, {internal::v1::Retrieval::service_full_name()});
}

}  // namespace

struct RetrievalServer::Parts {
  std::shared_ptr<InferenceEmbedder> embedder;  ///< null until connected; set by the opener
  std::unique_ptr<RetrievalService> service;
  std::unique_ptr<rpc::RpcServer> rpc;  ///< destroyed before the service it calls
};

StatusOr<std::unique_ptr<RetrievalServer>> RetrievalServer::Start(const RetrievalConfig& config) {
  RETURN_IF_ERROR(ValidateConfig(config));
  ASSIGN_OR_RETURN(std::shared_ptr<const Ingest> ingest, MakeIngest(config));
  auto parts = std::make_unique<Parts>();
  parts->service = std::make_unique<RetrievalService>(std::move(ingest), config.max_buffered_bytes,
                                                      config.data_folder + "/snapshots");
  ASSIGN_OR_RETURN(parts->rpc, Listen(config, parts->service.get()));
  rpc::RunFile run_file;
  run_file.pid = ::getpid();
  run_file.endpoints["grpc"] = parts->rpc->address();
  RETURN_IF_ERROR(rpc::WriteRunFile(config.data_folder, kServiceName, run_file));
  return std::unique_ptr<RetrievalServer>(new RetrievalServer(config, std::move(parts)));
}

RetrievalServer::RetrievalServer(const RetrievalConfig& config, std::unique_ptr<Parts> parts)
    : config_(config), parts_(std::move(parts)), opener_([this] { OpenAndServe(); }) {}

RetrievalServer::~RetrievalServer() {
  stopping_ = true;
  opener_.join();
  absl::Notification ended;
  std::thread last_call([&] {
    if (ended.WaitForNotificationWithTimeout(kShutdownGrace)) return;
    if (parts_->embedder != nullptr) parts_->embedder->Stop();
  });
  parts_->rpc->Shutdown(kShutdownGrace);
  ended.Notify();
  last_call.join();
  // The store's background thread may be in the middle of a batch.
  if (parts_->embedder != nullptr) parts_->embedder->Stop();
}

const std::string& RetrievalServer::address() const { return parts_->rpc->address(); }

void RetrievalServer::OpenAndServe() {
  const Status status = WaitAndOpen();
  if (status.ok() || stopping_) return;
  LogError("{}", StatusMessage(status));
  failed_ = true;
  ::kill(::getpid(), SIGTERM);
}

Status RetrievalServer::WaitAndOpen() {
  ASSIGN_OR_RETURN(
      const std::shared_ptr<grpc::Channel> channel,
      rpc::MakeInternalChannel(config_.inference_address, "inference",
                               rpc::ServiceTlsFiles(config_.data_folder, kServiceName)));
  const InferenceEmbedderOptions options = {config_.embedding_model, config_.embed_batch,
                                            absl::Seconds(config_.embed_seconds)};
  auto embedder = InferenceEmbedder::Connect(channel, options);
  while (absl::IsUnavailable(embedder.status()) && !stopping_) {
    absl::SleepFor(kRetryPause);
    embedder = InferenceEmbedder::Connect(channel, options);
  }
  if (stopping_) return OkStatus();
  RETURN_IF_ERROR(embedder.status());
  parts_->embedder = *std::move(embedder);
  if (parts_->embedder->max_tokens() < config_.chunk_max_tokens) {
    return InvalidArgument(
        "chunk_max_tokens is {}, embedding model {} reads {}: the rest would be lost; lower it",
        config_.chunk_max_tokens, parts_->embedder->model_id(), parts_->embedder->max_tokens());
  }

  retrieval::KnowledgeStoreOptions store_options;
  store_options.path = config_.data_folder + "/retrieval";
  store_options.index_folder = config_.data_folder + "/index";
  store_options.chunker = retrieval::ChunkerFingerprint(ChunkerOptionsOf(config_));
  store_options.max_chunks_per_document = config_.max_chunks_per_document;
  store_options.embed_first_chunks = config_.embed_first_chunks;
  store_options.min_free_bytes = config_.min_free_bytes;
  ASSIGN_OR_RETURN(store_options.cipher, KeyRingCipher::Create(EncryptionOf(config_)));
  ASSIGN_OR_RETURN(std::shared_ptr<retrieval::KnowledgeStore> store,
                   retrieval::KnowledgeStore::Open(store_options, parts_->embedder,
                                                   std::make_shared<SystemClock>()));
  int64_t documents = 0;
  int64_t chunks = 0;
  for (const retrieval::KnowledgeBaseInfo& base : store->ListBases()) {
    documents += base.documents;
    chunks += base.chunks;
  }
  parts_->service->Serve(std::move(store), parts_->embedder);
  parts_->rpc->SetServing(true);
  LogInfo("serving {} documents, {} chunks on {}", documents, chunks, parts_->rpc->address());
  return OkStatus();
}

}  // namespace hadal::retrieval_service
