#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "auth/audit_log.h"
#include "base/status.h"
#include "services/gateway/filters/quota.h"
#include "services/gateway/http/chat_request.h"
#include "services/gateway/http/embeddings_json.h"
#include "services/gateway/http/http_server.h"

namespace hadal::gateway {

/// Everything of hadal-gateway that can be set; parsed once. The addresses and the data folder come
/// from the command line, the rest from an optional TOML file.
struct GatewayConfig {
  std::string data_folder;
  std::string grpc_listen = "127.0.0.1:0";
  std::string retrieval_address;
  std::string inference_address;

  HttpsOptions https;                                  ///< [gateway.https]
  int32_t grpc_max_threads = 128;                      ///< [gateway.grpc] max_threads
  absl::Duration request_timeout = absl::Minutes(10);  ///< [gateway.limits] request_timeout_s
  absl::Duration shutdown_grace = absl::Seconds(10);   ///< [gateway.limits] shutdown_grace_s
  int64_t max_document_bytes = int64_t{256} << 20;     ///< [gateway.limits] max_document_bytes
  ChatLimits chat;                                     ///< [gateway.limits] max_messages, ...
  EmbeddingsLimits embeddings;                         ///< [gateway.limits] max_embedding_inputs
  QuotaOptions quota;                                  ///< [gateway.quota]
  int32_t ask_top_k = 8;                               ///< [gateway.ask] top_k
  int32_t ask_max_context_tokens = 1500;               ///< [gateway.ask] max_context_tokens
  int32_t ask_max_answer_tokens = 256;  ///< [gateway.ask] max_answer_tokens, the default
  int64_t audit_min_free_bytes = int64_t{64} << 20;  ///< [gateway.audit] min_free_bytes
};

/// Puts the settings of the TOML text into `config`. INVALID_ARGUMENT, with the line, for syntax
/// errors, unknown tables or keys, wrong types and values outside their bounds.
Status ApplyToml(std::string_view text, GatewayConfig& config);

}  // namespace hadal::gateway
