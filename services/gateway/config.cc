#include "services/gateway/config.h"

#include <functional>
#include <map>
#include <utility>

#include "services/config/service_table.h"

namespace hadal::gateway {
namespace {

// One integer setting: its bounds and where it goes.
struct Setting {
  int64_t least;
  int64_t most;
  std::function<void(int64_t)> set;
};
using Settings = std::map<std::string, Setting>;

template <typename Integer>
Setting Number(Integer& target, int64_t least, int64_t most) {
  return {least, most, [&target](int64_t value) { target = static_cast<Integer>(value); }};
}
Setting SecondsOf(absl::Duration& target, int64_t most) {
  return {1, most, [&target](int64_t value) { target = absl::Seconds(value); }};
}

constexpr int64_t kMega = int64_t{1} << 20;

std::map<std::string, Settings> Tables(GatewayConfig& config) {
  HttpsOptions& https = config.https;
  return {
      {"https",
       {{"io_threads", Number(https.io_threads, 1, 64)},
        {"worker_threads", Number(https.worker_threads, 1, 1024)},
        {"worker_queue", Number(https.worker_queue, 1, 65536)},
        {"max_connections", Number(https.max_connections, 1, 65536)},
        {"max_header_bytes", Number(https.max_header_bytes, 1024, kMega)},
        {"max_body_bytes", Number(https.max_body_bytes, 1024, 64 * kMega)},
        {"max_unsent_bytes", Number(https.max_unsent_bytes, 4096, 64 * kMega)},
        {"handshake_timeout_s", SecondsOf(https.handshake_timeout, 600)},
        {"idle_timeout_s", SecondsOf(https.idle_timeout, 3600)},
        {"head_timeout_s", SecondsOf(https.head_timeout, 600)},
        {"body_timeout_s", SecondsOf(https.body_timeout, 3600)},
        {"write_timeout_s", SecondsOf(https.write_timeout, 3600)}}},
      {"grpc", {{"max_threads", Number(config.grpc_max_threads, 8, 4096)}}},
      {"limits",
       {{"request_timeout_s", SecondsOf(config.request_timeout, 86400)},
        {"shutdown_grace_s", SecondsOf(config.shutdown_grace, 600)},
        {"max_document_bytes", Number(config.max_document_bytes, 1024, 4096 * kMega)},
        {"max_messages", Number(config.chat.max_messages, 1, 65536)},
        {"max_tokens", Number(config.chat.max_tokens, 1, 1 << 20)},
        {"default_max_tokens", Number(config.chat.default_max_tokens, 1, 1 << 20)},
        {"max_embedding_inputs", Number(config.embeddings.max_inputs, 1, 65536)}}},
      {"quota",
       {{"requests_per_minute", Number(config.quota.requests_per_minute, 1, 10'000'000)},
        {"concurrent_requests", Number(config.quota.concurrent_requests, 1, 65536)},
        {"max_tracked_keys", Number(config.quota.max_tracked_keys, 1, 10'000'000)}}},
      {"ask",
       {{"top_k", Number(config.ask_top_k, 1, 100)},
        {"max_context_tokens", Number(config.ask_max_context_tokens, 64, 1 << 20)},
        {"max_answer_tokens", Number(config.ask_max_answer_tokens, 1, 1 << 20)}}},
      {"audit", {{"min_free_bytes", Number(config.audit_min_free_bytes, 0, int64_t{1} << 50)}}},
  };
}

Status ApplyTable(const std::string& table, const toml::table& values, const Settings& settings) {
  for (const auto& [key, node] : values) {
    const std::string name(key.str());
    const auto found = settings.find(name);
    const auto line = node.source().begin.line;
    if (found == settings.end()) {
      std::string known;
      for (const auto& [other, setting] : settings) known += (known.empty() ? "" : ", ") + other;
      return InvalidArgument("line {}: [gateway.{}] has no setting '{}'; there are {}", line, table,
                             name, known);
    }
    const auto value = node.value_exact<int64_t>();
    const Setting& setting = found->second;
    if (!value.has_value() || *value < setting.least || *value > setting.most) {
      return InvalidArgument("line {}: {}.{} must be an integer within {} and {}", line, table,
                             name, setting.least, setting.most);
    }
    setting.set(*value);
  }
  return OkStatus();
}

}  // namespace

Status ApplyToml(std::string_view text, GatewayConfig& config) {
  ASSIGN_OR_RETURN(const toml::table own, config::ServiceTable(text, "gateway"));
  const auto tables = Tables(config);
  for (const auto& [key, node] : own) {
    const std::string name(key.str());
    const auto found = tables.find(name);
    const auto line = node.source().begin.line;
    if (found == tables.end() || !node.is_table()) {
      return InvalidArgument(
          "line {}: '{}' is no table of [gateway]; there are https, grpc, limits, quota, ask, "
          "audit",
          line, name);
    }
    RETURN_IF_ERROR(ApplyTable(name, *node.as_table(), found->second));
  }
  if (config.chat.default_max_tokens > config.chat.max_tokens) {
    return InvalidArgument("limits.default_max_tokens ({}) is above limits.max_tokens ({})",
                           config.chat.default_max_tokens, config.chat.max_tokens);
  }
  return OkStatus();
}

}  // namespace hadal::gateway
