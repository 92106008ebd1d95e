#pragma once

#include <string>
#include <utility>
#include <vector>

#include "services/answer/answerer.h"
#include "services/gateway/backend/inference_client.h"

namespace hadal::gateway {

/// The engine as one user's request may use it: bound to the request's life, to the user as tenant
/// and to the user's cache namespace, whatever the caller of Generate() put there. Thread-safe.
class TenantGenerator final : public answer::TextGenerator {
 public:
  /// `client` and `scope` outlive it.
  TenantGenerator(const InferenceClient& client, CallScope& scope, std::string tenant,
                  std::string cache_namespace)
      : client_(client),
        scope_(scope),
        tenant_(std::move(tenant)),
        cache_namespace_(std::move(cache_namespace)) {}

  StatusOr<Generation> Generate(const internal::v1::GenerateRequest& request) override;
  StatusOr<std::vector<int32_t>> CountTokens(const std::string& model,
                                             const std::vector<std::string>& texts) override;

 private:
  const InferenceClient& client_;
  CallScope& scope_;
  const std::string tenant_;
  const std::string cache_namespace_;
};

}  // namespace hadal::gateway
